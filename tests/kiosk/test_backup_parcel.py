"""A backup's file: whatever is done to it, it is whole or it is refused."""

import io

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.backup import contents, parcel
from kiosk.backup.parcel import BackupError
from kiosk.faces import unitkey
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import sign

DEVICE = PrivateKey.generate()
UNIT, SHARES = unitkey.make("rudi")
KEY = unitkey.together(SHARES)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "CHUNK_BYTES", 100)


def written(*parts: bytes) -> bytes:
    out = io.BytesIO()
    writer = parcel.Writer(out, "k1", 1, "test", UNIT, DEVICE)
    for part in parts:
        writer.write(part)
    writer.finish()
    return out.getvalue()


def read(content: bytes, key: PrivateKey = KEY) -> bytes:
    file = io.BytesIO(content)
    said = parcel.heading(file)
    reader = parcel.Reader(file, parcel.unseal(said, key))
    plain = b""
    while part := reader.read(37):
        plain += part
    return plain


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=350), max_size=5))
def test_what_is_written_in_any_pieces_is_read(parts: list[bytes]) -> None:
    assert read(written(*parts)) == b"".join(parts)


def test_the_plain_text_stands_nowhere() -> None:
    secret = b"1987654321 Siti Rahmawati" * 40
    assert b"Siti" not in written(secret)


def test_a_file_with_any_byte_changed_or_cut_anywhere_is_refused() -> None:
    whole = written(b"a" * 450)
    signature = whole.index(b"\n", whole.index(b"\n") + 1)
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            plain = read(changed)
        except BackupError:
            continue
        # Only the last bits of a signature's base64 can be spelt otherwise.
        assert plain == b"a" * 450
        assert signature - 4 <= at < signature
    for at in range(0, len(whole), 7):
        with pytest.raises(BackupError):
            read(whole[:at])


def test_chunks_that_change_places_are_refused() -> None:
    whole = written(b"a" * 100 + b"b" * 100 + b"c" * 10)
    at = len(whole) - 1
    size = 1 + 4 + 100 + 28
    body = whole[at + 1 - (2 * size + 1 + 4 + 10 + 28) :]
    swapped = body[size : 2 * size] + body[:size] + body[2 * size :]
    with pytest.raises(BackupError, match="chunk 0"):
        read(whole[: -len(body)] + swapped)


def test_a_last_chunk_that_is_left_out_is_noticed() -> None:
    whole = written(b"a" * 150)
    with pytest.raises(BackupError, match="cut short"):
        read(whole[: -(1 + 4 + 50 + 28)])


def test_other_officers_are_told_whose_shares_are_needed() -> None:
    another = unitkey.together(unitkey.make("rudi")[1])
    with pytest.raises(BackupError, match="bring the shares of that one"):
        read(written(b"a"), another)


def test_a_heading_that_names_another_device_is_refused() -> None:
    file = io.BytesIO(written(b"a"))
    said = parcel.heading(file)
    forged = msgspec.structs.replace(said, key=PrivateKey.generate().public.fingerprint)
    with pytest.raises(BackupError, match="another key"):
        parcel.heading(io.BytesIO(sign(Domain.BACKUP, forged, DEVICE)))
    with pytest.raises(BackupError, match="not a backup of a kiosk"):
        parcel.heading(io.BytesIO(b"rubbish"))


@pytest.mark.parametrize(
    "name",
    [
        "../etc/passwd", "/etc/passwd", "data/../x", "data/vault.key", "data/kiosk.sock", "other",
        "settings", "data/models/x", "journal/a/b", "data//pins.json", "",
    ],
)  # fmt: skip
def test_nothing_of_a_backup_goes_anywhere_else(name: str) -> None:
    assert not contents.is_expected(name)


def test_paths_of_the_settings_that_leave_their_directory_are_not_carried() -> None:
    assert [
        contents.is_beside(one) for one in ("ca.pem", "tls/ca.pem", "../ca.pem", "/ca.pem")
    ] == [*(True, True, False, False)]
