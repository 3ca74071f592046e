"""The line's papers in the data directory: renewed by the daemon, with copies beside the mirror."""

import shutil
from pathlib import Path

import pytest

from kiosk.media import open_house
from kiosk.renewing import renewer_of
from kiosk.settings import Place, load
from sync.edge.session import Self
from sync.keyfile import load_publics
from sync.protocol.identity import PrivateKey

CENTRAL = PrivateKey.generate().public
SETTINGS = """
kiosk = "k1"
data = "data"
central = ["data/line/central.pem"]
mirror = "usb"
[line]
host = "127.0.0.1"
port = 1
[line.tls]
ca = "data/line/ca.pem"
certificate = "data/line/kiosk.crt"
{key}
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
"""


def made(home: Path, key: str = "") -> Place:
    line = home / "data" / "line"
    line.mkdir(parents=True)
    (line / "central.pem").write_bytes(CENTRAL.pem)
    (line / "ca.pem").write_bytes(b"authority")
    (line / "kiosk.crt").write_bytes(b"certificate")
    (home / "usb").mkdir()
    (home / "kiosk.toml").write_text(SETTINGS.format(key=key))
    return load(home / "kiosk.toml")


def test_a_medium_that_fails_takes_no_key_of_centrals_along(tmp_path: Path) -> None:
    """Without them the daemon could not start at all: it would record nothing."""
    place = made(tmp_path)
    house = open_house(place)
    house.epochs.close()
    assert place.central == [tmp_path / "data" / "line" / "central.pem"]
    shutil.rmtree(tmp_path / "data" / "line")
    assert [key.der for key in load_publics(place.central[0])] == [CENTRAL.der]
    tls = place.line.tls
    assert tls is not None
    assert Path(tls.ca).read_bytes() == b"authority"
    assert Path(tls.certificate).read_bytes() == b"certificate"


def test_what_is_nowhere_is_named_where_it_should_be(tmp_path: Path) -> None:
    place = made(tmp_path)
    shutil.rmtree(tmp_path / "data" / "line")
    assert place.central == [tmp_path / "data" / "line" / "central.pem"]


@pytest.mark.parametrize(("key", "renews"), [("", True), ('key = "other.key"', False)])
def test_only_the_device_keys_certificate_is_renewed(
    tmp_path: Path, key: str, renews: bool
) -> None:
    place = made(tmp_path, key)
    central = [CENTRAL]
    me = Self("k1", PrivateKey.generate(), central, "test")
    renewer = renewer_of(place, me, lambda: None, central)
    assert (renewer is not None) is renews
