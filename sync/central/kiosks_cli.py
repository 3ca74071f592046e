"""The words of `presensi-central kiosks` that let devices in, and one out for good."""

import argparse
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sync.central.exits import Exit

if TYPE_CHECKING:
    from sync.central.house import House

    Adding = Callable[..., argparse.ArgumentParser]

MINUTES_MOST: Final = 10_080
"""Longest life of a claim code: a week, for a stick that travels by boat."""


def add_devices(
    verb: "Adding", kiosks: "Any", reason: "Callable[[argparse.ArgumentParser], None]"
) -> None:
    """Add the verbs to the family `kiosks`; the others are the command's own ways to add words."""
    claim = verb(
        kiosks,
        "claim",
        "make a claim code, with which one new device becomes this kiosk",
        _claim,
        "examples:\n  presensi-central kiosks claim kiosk-lobi --unit DINKES\n"
        "  presensi-central kiosks claim kiosk-pulau --unit PKM-PULAU --minutes 4320",
    )
    claim.add_argument("kiosk", metavar="KIOSK", help="the kiosk's id")
    claim.add_argument("--unit", default="", metavar="UNIT", help="the unit it serves from today")
    claim.add_argument(
        "--minutes", type=_minutes, metavar="N", help="how long it is good (default: 15)"
    )
    waiting = verb(
        kiosks,
        "waiting",
        "list devices that wait for a person, with the six digits that each shows",
        _waiting,
        "example:\n  presensi-central kiosks waiting",
    )
    waiting.add_argument("--json", action="store_true", help="a line of JSON for each")
    approve = verb(
        kiosks,
        "approve",
        "let in the device that shows these six digits",
        _approve,
        "example:\n  presensi-central kiosks approve 042117 kiosk-lobi --unit DINKES",
    )
    approve.add_argument("number", metavar="NUMBER", help="what the technician reads out")
    approve.add_argument("kiosk", metavar="KIOSK", help="what it shall be called")
    approve.add_argument("--unit", default="", metavar="UNIT", help="the unit it serves from today")
    refuse = verb(
        kiosks,
        "refuse",
        "let the device that shows these six digits know that it is not let in",
        _refuse,
        "example:\n  presensi-central kiosks refuse 042117",
    )
    refuse.add_argument("number", metavar="NUMBER", help="what it shows")
    enrol = verb(
        kiosks,
        "enrol",
        "answer a device's request that came on a stick",
        _enrol,
        "example:\n  presensi-central kiosks enrol /media/usb/kiosk-lobi.request",
    )
    enrol.add_argument("file", metavar="FILE", type=Path, help="what `kiosk setup` wrote there")
    enrol.add_argument(
        "--answer", metavar="FILE", type=Path, help="where the answer goes (default: beside FILE)"
    )
    move = verb(
        kiosks,
        "move",
        "have a kiosk serve another unit from a day on, and no other",
        _move,
        "examples:\n  presensi-central kiosks move kiosk-lobi DINSOS\n"
        "  presensi-central kiosks move kiosk-lobi DINSOS --from 2027-01-04",
    )
    move.add_argument("kiosk", metavar="KIOSK")
    move.add_argument("unit", metavar="UNIT", help="the unit whose people come there then")
    move.add_argument(
        "--from", dest="day", type=date.fromisoformat, metavar="DAY", help="(default: today)"
    )
    lost = verb(
        kiosks,
        "lost",
        "a device is lost or stolen: retire and revoke it, and say whose templates were on it",
        _lost,
        "example:\n  presensi-central kiosks lost kiosk-lobi --reason 'stolen on 26 November'",
    )
    lost.add_argument("kiosk", metavar="KIOSK")
    lost.add_argument("--json", action="store_true", help="the report as one line of JSON")
    for one in (claim, approve, refuse, move, lost):
        reason(one)


def _minutes(text: str) -> int:
    minutes = int(text)
    if not 1 <= minutes <= MINUTES_MOST:
        raise argparse.ArgumentTypeError(f"a claim code is good for 1 to {MINUTES_MOST} minutes")
    return minutes


def _claim(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(
        enrolling.claim(house, arguments.kiosk, arguments.unit, arguments.minutes, arguments.reason)
    )


def _waiting(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(enrolling.waiting(house, as_json=arguments.json))


def _approve(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(
        enrolling.approve(
            house, arguments.number, arguments.kiosk, arguments.unit, arguments.reason
        )
    )


def _refuse(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(enrolling.refuse(house, arguments.number, arguments.reason))


def _enrol(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(enrolling.enrol(house, arguments.file, arguments.answer))


def _move(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling
    from sync.central.clock import now_ms

    zone = house.place.settings.web.zone
    day = arguments.day or datetime.fromtimestamp(now_ms() / 1000, zone).date()
    return _print(enrolling.move(house, arguments.kiosk, arguments.unit, day, arguments.reason))


def _lost(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import enrolling

    return _print(enrolling.lost(house, arguments.kiosk, arguments.reason, as_json=arguments.json))


def _print(text: str) -> int:
    sys.stdout.write(text)
    return Exit.OK
