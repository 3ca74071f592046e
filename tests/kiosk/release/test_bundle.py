"""The file on a stick: whole and as signed, or nothing of it counts."""

import io
import lzma
import tarfile
from pathlib import Path

import pytest

from kiosk.release.bundle import differs, listed, pack, unpack
from kiosk.release.errors import Failed, Refused
from kiosk.release.release import FILE, Release, read
from sync.protocol.identity import PrivateKey
from tests.kiosk.release.parts import KEY, bundle, tree, word


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_what_was_packed_comes_out(tmp_path: Path, place: Path) -> None:
    original = tree(tmp_path / "tree", "0.2.0")
    out = tmp_path / "b.release"
    pack(original, word(original, "0.2.0"), listed(original), out)
    assert unpack(out, [KEY.public], lambda _: place).version == "0.2.0"
    assert listed(place) == listed(original)
    _, files = read((place / FILE).read_bytes(), [KEY.public])
    assert differs(place, files) == []
    (place / files[0].path).write_bytes(b"changed")
    (place / files[1].path).unlink()
    (place / "lib" / "more.py").write_text("more")
    assert differs(place, files) == sorted([files[0].path, files[1].path, "lib/more.py"])


def test_nothing_is_written_before_it_is_known_who_signed(tmp_path: Path) -> None:
    def accept(_: Release) -> Path:
        raise AssertionError

    with pytest.raises(Refused, match="trusts none"):
        unpack(bundle(tmp_path, "0.2.0"), [], accept)


def test_a_bundle_that_is_cut_is_refused_wherever(tmp_path: Path, place: Path) -> None:
    whole = bundle(tmp_path, "0.2.0").read_bytes()
    cut = tmp_path / "cut.release"
    for length in range(0, len(whole) - 12, 97):  # the last bytes are padding
        cut.write_bytes(whole[:length])
        with pytest.raises(Refused, match=r"copy it again|right file"):
            unpack(cut, [KEY.public], lambda _, n=length: _made(place / f"{n}"))


def _made(place: Path) -> Path:
    place.mkdir()
    return place


def test_a_bit_that_fell_over_is_noticed(tmp_path: Path, place: Path) -> None:
    whole = bytearray(bundle(tmp_path, "0.2.0").read_bytes())
    whole[len(whole) // 2] ^= 1
    bad = tmp_path / "bad.release"
    bad.write_bytes(whole)
    with pytest.raises(Refused, match="copy it again"):
        unpack(bad, [KEY.public], lambda _: place)


def repacked(tmp_path: Path, change) -> Path:  # type: ignore[no-untyped-def]
    """Return a bundle whose members `change` has been at, packed anew."""
    raw = lzma.decompress(bundle(tmp_path, "0.2.0").read_bytes())
    members = []
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for one in tar:
            content = tar.extractfile(one)
            assert content is not None
            members.append((one, content.read()))
    out = tmp_path / "repacked.release"
    with tarfile.open(out, "w:xz") as tar:
        for member, content_bytes in change(members):
            member.size = len(content_bytes)
            tar.addfile(member, io.BytesIO(content_bytes))
    return out


def _link(members):  # type: ignore[no-untyped-def]
    member = tarfile.TarInfo(members[1][0].name)
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [members[0], (member, b""), *members[2:]]


def _more(members):  # type: ignore[no-untyped-def]
    return [*members, (tarfile.TarInfo("lib/more.py"), b"more")]


def _twice(members):  # type: ignore[no-untyped-def]
    return [*members, members[1]]


def _changed(members):  # type: ignore[no-untyped-def]
    member, content = members[1]
    return [members[0], (member, b"x" + content[1:]), *members[2:]]


def _longer(members):  # type: ignore[no-untyped-def]
    member, content = members[1]
    return [members[0], (member, content + b"x"), *members[2:]]


def _first_is_last(members):  # type: ignore[no-untyped-def]
    return [*members[1:], members[0]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_link, "is not as signed"),
        (_more, "'lib/more.py' in it is not as signed"),
        (_twice, "is not as signed"),
        (_changed, "is not what was signed"),
        (_longer, "is not as signed"),
        (lambda members: members[:-1], "1 files are missing"),
        (_first_is_last, "no release is in it"),
    ],
)
def test_a_bundle_with_anything_else_is_refused(tmp_path: Path, place: Path, change, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused, match=words):
        unpack(repacked(tmp_path, change), [KEY.public], lambda _: place)
    assert not (place / FILE).exists()


def test_a_file_of_another_kind_is_said(tmp_path: Path, place: Path) -> None:
    other = tmp_path / "photo.jpg"
    other.write_bytes(b"\xff\xd8" * 500)
    with pytest.raises(Refused, match="damaged or cut short"):
        unpack(other, [KEY.public], lambda _: place)
    with pytest.raises(Failed, match="No such file"):
        unpack(tmp_path / "gone", [KEY.public], lambda _: place)


def test_the_publisher_s_key_is_replaced_without_a_gap(tmp_path: Path, place: Path) -> None:
    """Both halves in `release-keys` for a while; then what the old one signs is no release."""
    new = PrivateKey.generate()
    by_old, by_new = bundle(tmp_path, "0.2.0"), bundle(tmp_path, "0.3.0", new)
    both = [KEY.public, new.public]
    assert unpack(by_old, both, lambda _: _made(place / "a")).version == "0.2.0"
    assert unpack(by_new, both, lambda _: _made(place / "b")).version == "0.3.0"
    assert unpack(by_new, [new.public], lambda _: _made(place / "c")).version == "0.3.0"
    with pytest.raises(Refused, match="key"):
        unpack(by_old, [new.public], lambda _: _made(place / "d"))
    assert not (place / "d").exists()
