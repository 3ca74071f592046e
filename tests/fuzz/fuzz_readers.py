"""The parsers of readers and of employees' codes under fire: whatever comes, whenever it comes."""

from collections.abc import Mapping
from typing import Final

from fuzz_shape import Script, Target, stretch

from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader, Terminator
from drivers.readers.ears import Card, ear_of
from drivers.readers.keys import PIN_MOST, USER_MOST, Typed
from drivers.readers.latch import Latch
from drivers.readers.lines import LINE_MOST_BYTES
from sync.protocol import employeecode
from sync.protocol.employeecode import EmployeeCode, Kind
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import PrivateKey

RDM: Final = b"\x020C00A1B2C3DC\x03"
ID12: Final = b"\x0262E3086CED08\r\n\x03"
PATTERN: Final = r"(?P<card>[A-Z]+)|(?P<hex>\S+)|(?P<facility>\S+),(?P<number>\S+)"
KEY: Final = PrivateKey.from_scalar(bytes(31) + b"\7")
CODE: Final = employeecode.encode(
    EmployeeCode(person="1985", kind=Kind.STATIC, since=1, until=2, number=3), KEY
)


def _kinds() -> list[Reader]:
    lines = [
        LineReader(name="x", port="/dev/x", terminator=one, pattern=PATTERN) for one in Terminator
    ]
    return [TagReader(name="x", port="/dev/x"), CodeReader(name="x", port="/dev/x"),
            PinPad(name="x", port="/dev/x"), *lines]  # fmt: skip


def readers(octets: bytes) -> None:
    """A reader says stretches of bytes, some after a pause."""
    script, kinds = Script(octets), _kinds()
    ear, at_s = ear_of(kinds[script.number() % len(kinds)], Latch(1.0)), 0.0
    while script:
        at_s += script.number() / 100
        said = script.stretch()
        for heard in ear.feed(said, at_s):
            assert repr(heard)
            if isinstance(heard, Card):
                assert 0 < len(heard.card) <= 64
                assert len(heard.octets) <= LINE_MOST_BYTES
            if isinstance(heard, Typed):
                assert 0 < len(heard.user) <= USER_MOST
                assert 0 < len(heard.pin) <= PIN_MOST
                assert len(heard.pin) < 3 or heard.pin not in repr(heard) or heard.pin in heard.user


def code(octets: bytes) -> None:
    """A scanner reads a text; only one that the key signed is a code."""
    said = employeecode.decode(octets.decode("utf-8", "replace"), [KEY.public])
    assert said.person == "1985"


READERS: Final[Mapping[str, Target]] = {
    "readers": Target(
        readers,
        (),
        [
            *(bytes([n, 0]) + stretch(RDM) + b"\0" + stretch(ID12) for n in range(3)),
            *(
                bytes([n, 0]) + stretch(b"ABC\r\n0C,12\r") + b"\x30" + stretch(b"\xff")
                for n in range(8)
            ),
            b"\2\0" + stretch(b"17*483920#18#"),
        ],
    ),
    "employee-code": Target(code, (Malformed, Unverified), [CODE.encode(), CODE.lower().encode()]),
}
