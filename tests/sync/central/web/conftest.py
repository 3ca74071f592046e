"""What all tests of central's pages need."""

import pytest

from sync.central.web import recaps, today


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages wait for their judge, however busy this machine is."""
    for page in (recaps, today):
        monkeypatch.setattr(page, "PATIENCE_S", 20.0)
