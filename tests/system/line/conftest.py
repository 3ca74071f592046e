"""The line's real parts, one set for every test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from line_post import Post


@pytest.fixture
def post(tmp_path: Path, make_broker: Callable[..., Any]) -> Iterator[Post]:
    """Return central's authority and a broker's files; the test starts the broker."""
    made = Post(tmp_path, make_broker)
    yield made
    made.close()
