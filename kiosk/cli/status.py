"""`kiosk status`: how the running daemon is, on one screen."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from kiosk.cli.exits import Exit, Refused
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from kiosk.settings import Place, load
from sync.settingsfile import SettingsError

RENEW_WITHIN: Final = timedelta(days=60)
"""So long before its end a certificate is spoken of."""

HELP = "show how the running daemon is"
EXAMPLES = """examples:
  kiosk status --config kiosk.toml
  kiosk status --config kiosk.toml --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    try:
        line = _ask(load(arguments.config))
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except NoDaemon as error:
        raise Refused(
            f"{error}; start it with `kiosk run --config {arguments.config}`", Exit.UNAVAILABLE
        ) from error
    if not line:
        raise Refused("the daemon hung up without an answer; try again", Exit.UNAVAILABLE)
    if arguments.json:
        sys.stdout.write(line.decode())
        return Exit.OK
    sys.stdout.write("\n".join(_page(msgspec.json.decode(line, type=Status))) + "\n")
    return Exit.OK


def _ask(place: Place) -> bytes:
    """Return the daemon's answer, on whichever medium it works. Raises NoDaemon."""
    try:
        return next(ask(place.socket, "status"), b"")
    except NoDaemon:
        if place.mirror is None:
            raise
        return next(ask(structs.replace(place, stands_in=True).socket, "status"), b"")


def _page(status: Status) -> list[str]:
    journal, disk, line = status.journal, status.disk, status.line
    clock = "synchronised" if status.clock_synced else "NOT synchronised: no lateness is judged"
    lines = [
        f"{status.kiosk}   {status.software}",
        f"clock    {clock}",
        f"journal  epoch {journal.number} ({journal.epoch}): {journal.last} entries, "
        f"{journal.receipted} with central",
        f"disk     {disk.level}, {disk.used_percent:g} % used, {disk.free_bytes / 1e6:,.0f} MB free"
        f"{'' if disk.ballast else ', the reserve is spent'}; {disk.proved} entries proved",
        f"line     {line.state}, {line.waiting} waiting, last receipt {_when(line.receipt_utc)}",
    ]
    if disk.trouble:
        lines.insert(4, f"         {disk.trouble}")
    if line.error:
        lines.append(f"         {line.error}")
    if line.certificate_until and status.clock_synced:
        lines += certificate_lines(status.kiosk, line.certificate_until, datetime.now(UTC))
    for one in status.sources:
        state = "connected" if one.connected else one.phase
        lines.append(
            f"source   {one.name}: {state}, {one.model or '?'} {one.serial or '?'}, "
            f"{one.recorded} new, covered to {one.covered or 'never'}, "
            f"drift {'?' if one.drift_ms is None else f'{one.drift_ms / 1000:+.1f} s'}"
        )
        if one.error:
            lines.append(f"         {one.error}")
    return lines


def certificate_lines(kiosk: str, until_ms: int, now: datetime) -> list[str]:
    """Return what there is to say of the line's certificate: nothing, unless its end is near."""
    left = datetime.fromtimestamp(until_ms / 1000, UTC) - now
    if left > RENEW_WITHIN:
        return []
    when = "has run out" if left < timedelta(0) else f"runs out in {left.days} days"
    return [f"         the certificate {when}; at central: presensi-central certify {kiosk}"]


def _when(utc_ms: int) -> str:
    if not utc_ms:
        return "never"
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(" ", "seconds")
