"""What the tests with real processes share."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sync.edge.roster import Rosters
from sync.edge.shelf import Shelf
from sync.protocol.roster import Roster
from sync.protocol.rostering import Manifest, Part, RosterPart, digest, encode_manifest

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


def adopt(data: Path, roster: Roster) -> None:
    """Put a roster into a kiosk's data directory, as if central had sent it."""
    shelf = Shelf(data / "roster", Rosters(), lambda _: None)
    page = msgspec.json.encode(roster)
    manifest = Manifest(version=roster.version, pages=[digest(page)])
    for part, plain in ((Part.MANIFEST, encode_manifest(manifest)), (Part.PAGE, page)):
        line = RosterPart(kiosk="k1", version=7, part=part, nonce="", sealed="", key="")
        shelf.take(line, plain, 0.0, latest=True)


@pytest.fixture(name="adopt")
def _adopt() -> Callable[[Path, Roster], None]:
    """Return what puts a roster into a kiosk's data directory."""
    return adopt
