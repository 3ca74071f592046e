"""`kiosk status`: how the running daemon is, on one screen."""

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

import msgspec
from msgspec import structs

from kiosk.cli.exits import Exit, Refused
from kiosk.figures import figures
from kiosk.health import ClockStatus, FacesStatus, PushStatus, RosterStatus, SourceStatus, Status
from kiosk.local import Done, NoDaemon, Refusal, ask
from kiosk.settings import Place, load
from kiosk.truth import Trust
from sync.prometheus import write
from sync.protocol.entry import Anchor
from sync.settingsfile import SettingsError

WATCH_S: Final = 2.0
"""How often --watch looks."""

RENEW_WITHIN: Final = timedelta(days=60)
"""So long before its end a certificate is spoken of."""

HELP = "show how the running daemon is"
EXAMPLES = """examples:
  kiosk status --config kiosk.toml
  kiosk status --config kiosk.toml --json
  kiosk status --watch                      anew every two seconds, until Ctrl-C
  kiosk status --prometheus /var/lib/node-exporter/presensi.prom"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--watch", action="store_true", help="anew every two seconds")
    parser.add_argument("--prometheus", metavar="FILE", help="figures for node_exporter's textfile "
                        "collector; `-` prints them (docs/FLEET.md)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    if arguments.watch:
        _watch(arguments.config)
    line = answer(arguments.config, "status")
    if arguments.json:
        sys.stdout.write(line.decode())
        return Exit.OK
    if arguments.prometheus:
        return _told(line, arguments.prometheus)
    sys.stdout.write("\n".join(_page(msgspec.json.decode(line, type=Status))) + "\n")
    return Exit.OK


def _told(line: bytes, to: str) -> int:
    try:
        write(figures(msgspec.json.decode(line, type=Status), time.time()), to)
    except OSError as error:
        raise Refused(
            f"{to}: {error.strerror}; may this user write there?", Exit.STORAGE
        ) from error
    return Exit.OK


def _watch(config: Path) -> NoReturn:
    """Print the status again and again; a daemon that is away comes back."""
    clear = "\x1b[H\x1b[J" if sys.stdout.isatty() else ""
    while True:
        try:
            lines = _page(msgspec.json.decode(answer(config, "status"), type=Status))
        except Refused as refusal:
            if refusal.code is Exit.SETTINGS:
                raise
            lines = [str(refusal)]
        now = f"{datetime.now().astimezone():%H:%M:%S}   Ctrl-C ends this"
        sys.stdout.write(clear + "\n".join([*lines, "", now]) + "\n")
        sys.stdout.flush()
        time.sleep(WATCH_S)


def answer(
    config: Path,
    wanted: str,
    said: Mapping[str, str] = MappingProxyType({}),
    timeout_s: float = 5.0,
) -> bytes:
    """Return the daemon's one answer. Raises Refused."""
    try:
        line = _ask(load(config), wanted, said, timeout_s)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except NoDaemon as error:
        raise Refused(
            f"{error}; start it with `kiosk run --config {config}`", Exit.UNAVAILABLE
        ) from error
    if not line:
        raise Refused("the daemon hung up without an answer; try again", Exit.UNAVAILABLE)
    return line


def carried_out(
    config: Path,
    wanted: str,
    said: Mapping[str, str] = MappingProxyType({}),
    timeout_s: float = 5.0,
) -> str:
    """Have the daemon carry something out; return what it says. Raises Refused."""
    told = msgspec.json.decode(answer(config, wanted, said, timeout_s), type=Done | Refusal)
    if isinstance(told, Refusal):
        raise Refused(told.reason)
    return told.text


def _ask(place: Place, wanted: str, said: Mapping[str, str], timeout_s: float) -> bytes:
    """Return the daemon's answer, on whichever medium it works. Raises NoDaemon."""
    try:
        return next(ask(place.socket, wanted, timeout_s, said), b"")
    except NoDaemon:
        if place.mirror is None:
            raise
        elsewhere = structs.replace(place, stands_in=True).socket
        return next(ask(elsewhere, wanted, timeout_s, said), b"")


def _page(status: Status) -> list[str]:
    journal, disk, line = status.journal, status.disk, status.line
    lines = [
        f"{status.kiosk}   {status.software}",
        f"clock    {clock_in_words(status.clock)}",
        f"journal  epoch {journal.number} ({journal.epoch}): {journal.last} entries, "
        f"{journal.receipted} with central",
        f"disk     {disk.level}, {disk.used_percent:g} % used, {disk.free_bytes / 1e6:,.0f} MB free"
        f"{'' if disk.ballast else ', the reserve is spent'}; {disk.proved} entries proved",
        f"roster   {_roster(status.roster)}",
        f"line     {line.state}, {line.waiting} waiting, last receipt {_when(line.receipt_utc)}",
    ]
    if disk.trouble:
        lines.insert(4, f"         {disk.trouble}")
    if status.clock.trouble:
        lines.insert(2, f"         {status.clock.trouble}")
    if line.error:
        lines.append(f"         {line.error}")
    if line.certificate_until and status.clock.may_show_lateness:
        lines += certificate_lines(status.kiosk, line.certificate_until, datetime.now(UTC))
    if line.certificate_until:
        lines.append(f"         certificate until {_when(line.certificate_until)[:10]}")
    if line.renewal:
        lines.append(f"         {line.renewal}")
    for one in status.sources:
        lines += source_lines(one)
    if status.push is not None:
        lines += push_lines(status.push)
    if status.faces is not None:
        lines += face_lines(status.faces)
    return lines


def _roster(roster: RosterStatus) -> str:
    if not roster.version:
        return (
            "none yet, everybody is a stranger: does central know which unit this kiosk serves? "
            "See docs/ROSTER.md"
        )
    return f"of {_when(roster.version)}, {roster.people} people"


def push_lines(push: PushStatus) -> list[str]:
    """Return what there is to say of where push terminals call, and of unknown ones that did."""
    lines = [f"push     {push.trouble or f'terminals call on port {push.port}'}"]
    for one in push.strangers:
        said = f", {one.said}" if one.said else ""
        lines += [
            f"unknown  {one.serial} from {one.address}: {one.calls} calls, last "
            f"{_when(one.last)}{said}",
            f"         is it ours? kiosk approve {one.serial} --name NAME --by YOU",
        ]
    return lines


def face_lines(faces: FacesStatus) -> list[str]:
    """Return how the vault is; nothing where it has nobody and nothing to say."""
    said = [faces.trouble] if faces.trouble else []
    if faces.untold:
        said.append(f"{faces.untold} entries about faces wait for the journal")
    said += [f"STILL TO BE FORGOTTEN: {one}; kiosk forget --open says who" for one in faces.open]
    if not said and not faces.people:
        return []
    return [f"faces    {faces.people} people enrolled", *(f"         {words}" for words in said)]


def source_lines(one: SourceStatus) -> list[str]:
    """Return how a terminal is, and below it what a technician should know of it."""
    state = "connected" if one.connected else one.phase
    line = (
        f"source   {one.name}: {state}, {one.model or '?'} {one.serial or '?'}, "
        f"{one.recorded} new, {proved(one)}"
    )
    if one.has_clock:
        line += f", drift {'?' if one.drift_ms is None else f'{one.drift_ms / 1000:+.1f} s'}"
    said = (one.error, another(one), users_line(one), *one.warnings)
    return [line, *(f"         {words}" for words in said if words)]


def proved(one: SourceStatus) -> str:
    """Return up to when the silence of a source means that nobody came."""
    if one.has_clock:
        return f"covered to {one.covered or 'never'}"
    return f"watched to {one.covered}" if one.covered else "silent but when somebody comes"


def users_line(source: SourceStatus) -> str:
    """Return how the terminal's users differ from the roster; "" where they do not."""
    users = source.users
    if users is None or not (users.trouble or users.counts):
        return ""
    loud = {"taken", "doubted", "shared"}  # a finger may count for the wrong person
    counts = [f"{n} {kind.upper() if kind in loud else kind}" for kind, n in users.counts.items()]
    found = ", ".join(counts) or "none differ"
    when = f"{found}, {_when(users.measured)}" if users.measured else "not compared"
    return (
        f"users: {when}{f'; {users.trouble}' if users.trouble else ''}; "
        f"kiosk devices roster {source.name}"
    )


def another(source: SourceStatus) -> str:
    """Return what to do where another terminal answers than the source's; "" if none does."""
    if source.serial in ("", source.bound_to):
        return ""
    return (
        f"ANOTHER TERMINAL answers, {source.serial}, not {source.bound_to}: its punches are kept, "
        f"and nobody is known by them. Was it replaced? kiosk devices replace {source.name} "
        f"--by NAME. Else {'look for an address given twice' if source.has_clock else _PUT_BACK}"
    )


_PUT_BACK: Final = "plug in again what was there before"


def clock_in_words(clock: ClockStatus) -> str:
    """Return the state of the clock in one line."""
    words = _STATES[Trust(clock.state)].format(by=_BY.get(clock.anchor, ""))
    error = "" if clock.error_ms is None else f", {_give_or_take(clock.error_ms)}"
    return f"{words}{error}{'' if clock.may_show_lateness else '; no lateness is shown'}"


_STATES: Final = {
    Trust.UNKNOWN: "NOT KNOWN: since this boot nobody has said what time it is",
    Trust.WITNESSED: "set by {by}",
    Trust.DOUBTED: "DOUBTED: two receipts of central's contradict each other",
    Trust.HOLDOVER: "was synchronised in this boot and is not any more",
    Trust.SYNCED: "synchronised",
}

_BY: Final = {
    Anchor.NTP.value: "NTP",
    Anchor.RECEIPT.value: "a receipt of central's",
    Anchor.TECHNICIAN.value: "a technician's witness",
}


def _give_or_take(error_ms: int) -> str:
    if error_ms < 120_000:
        return f"give or take {error_ms / 1000:.1f} s"
    if error_ms < 7_200_000:
        return f"give or take {error_ms / 60_000:.0f} minutes"
    return f"give or take {error_ms / 3_600_000:,.0f} hours"


def certificate_lines(kiosk: str, until_ms: int, now: datetime) -> list[str]:
    """Return what there is to say of the line's certificate: nothing, unless its end is near."""
    left = datetime.fromtimestamp(until_ms / 1000, UTC) - now
    if left > RENEW_WITHIN:
        return []
    when = "has run out" if left < timedelta(0) else f"runs out in {left.days} days"
    return [
        f"         the certificate {when} and has not been renewed by itself; by hand, at "
        f"central: presensi-central certify {kiosk} (docs/KEYS.md)"
    ]


def _when(utc_ms: int) -> str:
    if not utc_ms:
        return "never"
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(" ", "seconds")
