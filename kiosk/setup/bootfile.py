"""`presensi-kiosk.toml` as somebody left it on the card: found, read, and without its secrets.

It was written on any machine with any editor: a byte order mark, Windows line ends, UTF-16, a name
in capitals or with `.txt` behind it are understood; what cannot be is named.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from kiosk.setup.said import Mistake, Said
from sync.protocol.claim import ClaimCode
from sync.protocol.errors import Malformed

NAME: Final = "presensi-kiosk.toml"
DONE: Final = "presensi-kiosk.done.toml"
RESULT: Final = "presensi-kiosk.result.txt"

MOST_BYTES: Final = 64 << 10
"""No settings of a kiosk are longer."""

HEAD: Final = b"# presensi-kiosk: sudah dibaca, rahasia dihapus / was read, secrets are wiped\n"
"""First line of a file that was imported."""

SECRETS: Final = frozenset({"code", "comm_key", "password"})
_SECRET_LINE: Final = re.compile(rf"\s*#?\s*[\"']?(?P<name>{'|'.join(sorted(SECRETS))})[\"']?\s*=")
_PASSWORD: Final = re.compile(r"://[^\s\"'/]*@")
_CODE: Final = re.compile(r"\b[0-9A-Za-z]{4}(?:[- ]?[0-9A-Za-z]{4}){3}\b")
_CURLY: Final = "“”„‟‘’‚′″«»"
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Unreadable(Exception):
    """The file is no TOML text. `mistake` says what to do."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake.said))
        self.mistake = mistake


class Text(Struct, frozen=True):
    """What stands in the file: its text, and the plain values that it means."""

    text: str
    raw: Mapping[str, Any]


def candidates(names: Sequence[str]) -> list[str]:
    """Return which of a directory's names mean the file, the best first.

    Editors add `.txt`; FAT does not care for capitals, and shows names as they were typed.
    """
    fitting = [one for one in names if one.lower() in (NAME, f"{NAME}.txt")]
    return sorted(fitting, key=lambda one: (one != NAME, one.lower() != NAME, one))


def understood(content: bytes) -> Text:
    """Return what the file says. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise _unreadable(
            f"Lebih dari {MOST_BYTES // 1024} KB: ini bukan berkas pengaturan kiosk",
            f"It has more than {MOST_BYTES // 1024} KB: these are no kiosk's settings",
        )
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unreadable(
            f"Baris {line} memuat huruf yang tidak bisa dibaca: simpan berkas ini sebagai UTF-8 "
            "(Notepad: Save As, Encoding UTF-8)",
            f"Line {line} has letters that cannot be read: save the file as UTF-8 (Notepad: Save "
            "As, Encoding UTF-8)",
        ) from error
    if "\0" in text:
        raise _unreadable(
            "Berkas ini rusak atau bukan teks: tulis lagi sebagai teks biasa, UTF-8",
            "The file is damaged or no text: write it again as plain text, UTF-8",
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return Text(text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(*_of_syntax(text, str(error))) from error


def _of_syntax(text: str, said: str) -> tuple[str, str]:
    curly = next((one for one in _CURLY if one in text), "")
    if curly:
        line = text[: text.index(curly)].count("\n") + 1
        return (
            f'Baris {line} memakai tanda kutip miring {curly}: pakai tanda kutip lurus "..."',
            f'Line {line} has a curly quotation mark {curly}: use straight ones "..."',
        )
    where = re.search(r"line (\d+)", said)
    at = f"baris {where[1]}" if where else "akhir berkas"
    return (
        f'Ada salah tulis di {at}: setiap pengaturan berbentuk NAMA = NILAI, teks dalam "..."',
        f'It is not TOML: {said}; a setting is NAME = VALUE, a text stands in "..."',
    )


def _unreadable(indonesian: str, english: str) -> Unreadable:
    return Unreadable(Mistake(NAME, Said(indonesian, english)))


def cleaned(text: Text) -> bytes:
    """Return the file's text without its secrets: whole lines give way to a comment.

    Where a secret stands in the middle of a line or over several, only the first line is left.
    """
    lines = [_without_secret(line) for line in text.text.splitlines()]
    made = _CODE.sub(_without_code, "\n".join(lines) + "\n")
    try:
        hidden = list(_secrets(tomllib.loads(made)))
    except tomllib.TOMLDecodeError:
        return HEAD
    said = {one for one in _secrets(text.raw) if isinstance(one, str)}
    # A text that was a secret may stand in a comment as well, or in another's place.
    if hidden or any(one and one in made for one in said):
        return HEAD
    return HEAD + made.encode()


def _without_secret(line: str) -> str:
    match = _SECRET_LINE.match(line)
    if match is None and _PASSWORD.search(line):
        return "# ...: dihapus / wiped"
    return line if match is None else f"# {match['name']}: dihapus / wiped"


def _without_code(match: re.Match[str]) -> str:
    """Return what stands for a word that may be a claim code: itself, where it is none."""
    try:
        ClaimCode.read(match[0])
    except Malformed:
        return match[0]
    return "(dihapus / wiped)"


def _secrets(raw: Any) -> Iterator[Any]:
    """Yield every secret in plain values: keys and codes, and passwords in addresses."""
    if isinstance(raw, Mapping):
        for name, value in raw.items():
            if name in SECRETS:
                yield value
            else:
                yield from _secrets(value)
    elif isinstance(raw, list):
        for one in raw:
            yield from _secrets(one)
    elif isinstance(raw, str) and "@" in raw and "://" in raw:
        try:
            if urlsplit(raw).username is not None:
                yield raw
        except ValueError:
            yield raw
