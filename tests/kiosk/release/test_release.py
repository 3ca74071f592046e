"""What a release says of itself: signed, and nothing in it that leads out of its directory."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.release.release import (
    Listed,
    Release,
    Version,
    listing,
    publish,
    read,
    read_listing,
    read_unverified,
)
from sync.protocol.errors import Malformed, ProtocolError, Unverified
from sync.protocol.identity import PrivateKey
from tests.kiosk.release.parts import KEY, tree, word


def test_what_was_signed_is_read(tmp_path: Path) -> None:
    said, files = read(
        word(tree(tmp_path, "0.2.0"), "0.2.0"), [PrivateKey.generate().public, KEY.public]
    )
    assert (said.version, said.architecture, said.key) == ("0.2.0", "arm64", KEY.public.fingerprint)
    assert len(files) == 3
    assert said.bytes == sum(one.size for one in files)


def test_only_a_publisher_who_is_trusted_counts(tmp_path: Path) -> None:
    message = word(tree(tmp_path, "0.2.0"), "0.2.0")
    with pytest.raises(Unverified, match="release-keys"):
        read(message, [PrivateKey.generate().public])
    with pytest.raises(Unverified, match="release-keys"):
        read(message, [])
    with pytest.raises(Unverified):
        read(word(tree(tmp_path, "0.2.0"), "0.2.0", None), [KEY.public])


FILES = [Listed("lib/a", 3, sha256(b"abc").hexdigest()), Listed("lib/b", 0, "0" * 64)]
WHOLE = publish(
    Release(version="1.0.0", architecture="arm64", python="3.11", journal=2, vault=1), FILES, KEY
)


@given(st.data())
def test_whatever_byte_is_changed_it_is_refused(data: st.DataObject) -> None:
    message = bytearray(WHOLE)
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(message), [KEY.public])
    except ProtocolError:
        return
    # The last bits of base64 say nothing.
    assert message.count(b"\n") == WHOLE.count(b"\n")
    assert found == read(WHOLE, [KEY.public])


@pytest.mark.parametrize(
    "path",
    [
        *("../etc/passwd", "lib/../../x", "/etc/passwd", "lib", "bin/kiosk", "lib//x", "lib/./x"),
        *("lib/x/", "lib/", "RELEASE", "share/../bin/kiosk", "lib/x\0y", "pyvenv.cfg"),
    ],
)
def test_no_file_is_anywhere_else(path: str) -> None:
    with pytest.raises(Malformed):
        read_listing(f"{'0' * 64} 1 {path}\n".encode())


@given(st.binary(max_size=300))
def test_a_listing_of_anything_is_refused_or_stays_inside(text: bytes) -> None:
    try:
        files = read_listing(text)
    except Malformed:
        return
    assert read_listing(listing(files)) == sorted(files)
    assert all(one.path.startswith(("lib/", "share/")) for one in files)


def test_nothing_is_listed_twice() -> None:
    line = f"{'0' * 64} 1 lib/x\n".encode()
    with pytest.raises(Malformed, match="twice"):
        read_listing(line * 2)
    with pytest.raises(Malformed, match="0 files"):
        read_listing(b"")


@pytest.mark.parametrize("text", ["0.2", "0.2.0rc1", "v0.2.0", "0.2.0.1", "", "0.-2.0", "٠.٢.٠"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(Malformed, match=r"three numbers"):
        Version.read(text)


def test_versions_are_compared_as_numbers() -> None:
    assert Version.read("0.10.0") > Version.read("0.9.12")
    assert str(Version.read("0.10.0")) == "0.10.0"


def test_a_package_says_what_it_is_without_a_signature(tmp_path: Path) -> None:
    said, files = read_unverified(word(tree(tmp_path, "0.2.0"), "0.2.0", None))
    assert (said.version, said.key, len(files)) == ("0.2.0", "", 3)
