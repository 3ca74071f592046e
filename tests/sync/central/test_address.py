"""Where the database is, as a setting says it; a password is never repeated."""

from pathlib import Path

import pytest

from sync.central.settings import load
from sync.central.store.address import BadAddress, address
from sync.settingsfile import SettingsError

TOML = 'data = "data"\ndatabase = "{database}"\n[broker]\nhost = "127.0.0.1"\n'


def settings(tmp_path: Path, database: str) -> Path:
    file = tmp_path / "central.toml"
    file.write_text(TOML.format(database=database))
    return file


def test_without_one_it_is_a_file_beside_the_key(tmp_path):
    place = load(settings(tmp_path, ""))
    assert place.database == tmp_path / "data" / "central.db"
    assert address(place.database).is_file


def test_a_server_is_reached_by_our_driver_and_shown_without_the_password(tmp_path):
    url = "postgresql://presensi:rahasia@db.example/presensi"
    place = load(settings(tmp_path, url))
    there = address(place.database)
    assert place.database == url
    assert there.url.drivername == "postgresql+psycopg"
    assert there.shown == "postgresql://presensi:***@db.example/presensi"
    assert not there.is_file


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:rahasia@h/d", "must begin with postgresql://"),
        ("postgresql+psycopg2://u:rahasia@h/d", "must begin with postgresql://"),
        ("postgresql://u:rahasia@h", "names no database"),
        ("postgresql://u:rahasia@h:port/d", "cannot be read"),
        ("central.db", "cannot be read"),
    ],
)
def test_what_is_no_address_is_said_and_not_repeated(tmp_path, url, said):
    with pytest.raises(BadAddress, match=said) as refused:
        address(url)
    with pytest.raises(SettingsError, match=said) as unread:
        load(settings(tmp_path, url))
    assert "rahasia" not in f"{refused.value} {unread.value}"
