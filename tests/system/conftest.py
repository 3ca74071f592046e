"""What the tests with real processes share."""

import importlib.util
from pathlib import Path

import pytest

INSTALL = Path(__file__).parent / "peers" / "install.py"


@pytest.fixture(scope="session")
def node_home() -> Path:
    """Return where the npm packages are, installed on the first use."""
    spec = importlib.util.spec_from_file_location("peers_install", INSTALL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()
    home: Path = module.NODE
    return home
