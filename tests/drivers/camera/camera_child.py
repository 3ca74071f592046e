"""A recognizer that plays a part: `python camera_child.py PART FD`. It needs no camera."""

import contextlib
import os
import resource
import signal
import socket
import sys
import time

from msgspec import structs

from drivers.camera.visits import Ask, Evidence, Verdict, Visit
from drivers.camera.wire import (
    Asked,
    Begin,
    Calibrate,
    Channel,
    Enrol,
    Failed,
    Learn,
    Looked,
    Made,
    Measured,
    Ready,
)
from drivers.errors import Refused, Unreachable
from drivers.faces import Calibration, Enrolled, Shot
from drivers.prompt import Prompt
from drivers.store import Secret

MODEL = "fake:0123456789ab"
KNOWN = Evidence(verdict=Verdict.KNOWN, model=MODEL, score=0.75, margin=0.25, frames=2)
STRANGER = Evidence(verdict=Verdict.STRANGER, model=MODEL, score=0.25, frames=4)
SHOT = Shot(template=Secret(b"\0" * 512), quality=0.5, yaw=0.0)


def main(part: str, descriptor: int) -> None:
    """Play `part` until the other end hangs up."""
    channel: Channel = Channel(socket.socket(fileno=descriptor), Asked)
    begin = channel.receive(10.0)
    assert isinstance(begin, Begin)
    if part == "no camera":
        channel.send(Failed.of(Unreachable("no camera there", hint="Plug it in")), 1.0)
        return
    if part == "is slow":
        time.sleep(600)
    channel.send(Ready("CAM1", "fake camera", MODEL), 1.0)
    people: list[str] = []
    while True:
        asked = channel.receive(0.1)
        if isinstance(asked, Learn):
            people = [person for person, _ in asked.rows]
            perform(part, channel, people)
        elif isinstance(asked, Enrol):
            channel.send(Ask(what=Prompt.TURN_LEFT, step=2, of=3), 1.0)
            if part == "refuses":
                channel.send(Failed.of(Refused("nobody came", hint="Stand there")), 1.0)
            else:
                shot = structs.replace(SHOT, picture=Secret(b"kept" if asked.keep else b""))
                channel.send(Made(Enrolled(model=MODEL, shots=(shot,) * 3)), 1.0)
        elif isinstance(asked, Calibrate):
            channel.send(Measured(calibration(len(people), asked.visits)), 1.0)
        channel.send(Looked(1), 1.0)


def perform(part: str, channel: Channel, people: list[str]) -> None:
    """Do what the part does when it is given a gallery."""
    match part:
        case "sees":
            for person in people:
                channel.send(Ask(what=Prompt.COME_CLOSER), 1.0)
                channel.send(visit("0000000a", person, KNOWN), 1.0)
            channel.send(visit("0000000b", "", STRANGER), 1.0)
        case "saw":
            channel.send(visit("0000000a", people[0], KNOWN, ago_s=90.0), 1.0)
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hangs":
            time.sleep(600)
        case "eats":
            resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))
            hoard = []
            while True:
                hoard.append(bytearray(16 << 20))
        case "babbles":
            channel._end.send(b"\0\0\0\x01\xc1")
        case "speaks no UTF-8":
            channel._end.send(b"\0\0\0\x0b\x82\xa4type\xa3\xff\xff\xff\xc0")
        case "never ends":
            channel._end.send((128 << 20).to_bytes(4, "big"))
            channel._end.setblocking(True)
            with contextlib.suppress(OSError):  # the daemon hangs up
                channel._end.sendall(bytes(128 << 20))
        case "fails strangely":
            channel.send(Failed("Struct", "what is this", ""), 1.0)


def visit(name: str, person: str, evidence: Evidence, ago_s: float = 0.0) -> Visit:
    """Return a visit that was decided so long ago."""
    return Visit(visit=name, at_s=time.monotonic() - ago_s, person=person, evidence=evidence)


def calibration(people: int, visits: int) -> Calibration:
    """Return a calibration that says what it was asked."""
    return Calibration(
        model=MODEL,
        people=people,
        pairs=0,
        quantiles={},
        nearest=None,
        expected_daily=0.0,
        visits=visits,
        threshold=0.5,
        margin=0.05,
        recommended_threshold=0.5,
        recommended_margin=0.05,
        genuine_lowest=None,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
