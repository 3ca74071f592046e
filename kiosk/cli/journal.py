"""`kiosk journal`: look at the journal's files, while the daemon runs or without it."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from kiosk.cli import journal_export, journal_heads, journal_verify
from kiosk.cli.exits import Exit, Refused
from kiosk.media import working_place
from kiosk.settings import load
from sync.journal.errors import JournalError
from sync.journal.names import files
from sync.journal.reader import Reader, Row
from sync.protocol.errors import Malformed
from sync.settingsfile import SettingsError

HELP = "look at the journal: tail, verify, heads, stats, SQL; export it to a stick"
EXAMPLES = """examples:
  kiosk journal tail --config kiosk.toml -n 5
  kiosk journal tail --config kiosk.toml --follow
  kiosk journal verify --config kiosk.toml      exit code 1 if something was changed or is broken
  kiosk journal heads --config kiosk.toml > heads.txt      print it, or keep it elsewhere
  kiosk journal verify --config kiosk.toml --heads heads.txt
  kiosk journal stats --config kiosk.toml --json
  kiosk journal export /media/usb --config kiosk.toml      what central lacks; see `kiosk import`
  kiosk journal sql --list                                 views and their columns
  kiosk journal sql "SELECT time, user, mark FROM presences ORDER BY seq DESC LIMIT 20"
  kiosk journal sql "SELECT * FROM audit" --format csv --out audit.csv"""

_FOLLOW_EVERY_S = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=("tail", "verify", "heads", "stats", "export", "sql"))
    parser.add_argument(
        "to",
        nargs="?",
        default="",
        metavar="TO|QUERY",
        help="export: a directory, or a file's name; sql: one SELECT",
    )
    parser.add_argument("--list", action="store_true", help="sql: what can be asked")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="sql")
    parser.add_argument("--out", type=Path, metavar="FILE", help="sql: write it there, as CSV")
    parser.add_argument(
        "--within", type=float, default=60.0, metavar="SECONDS", help="sql: then it is ended"
    )
    parser.add_argument(
        "--whole", action="store_true", help="export: everything held, not what central lacks"
    )
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("-n", type=int, default=10, metavar="N", help="entries of the tail")
    parser.add_argument("--follow", action="store_true", help="go on with the tail as it grows")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument(
        "--heads",
        type=Path,
        metavar="FILE",
        help="verify: what `kiosk journal heads` once said, kept elsewhere, must agree",
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the epochs and do what was asked."""
    try:
        place = working_place(load(arguments.config))
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    paths = files(place.data / "journal")
    if not paths:
        raise Refused(
            "there is no journal yet; `kiosk run` begins one at its first start",
            Exit.UNAVAILABLE,
        )
    try:
        if arguments.what == "verify":
            return journal_verify.run(place, paths, arguments.heads, arguments.json)
        if arguments.what == "export":
            if not arguments.to:
                raise Refused("say where to: kiosk journal export /media/usb", Exit.USAGE)
            return journal_export.run(place, paths, Path(arguments.to), whole=arguments.whole)
        if arguments.what == "sql":
            return _sql(paths, arguments)
        if arguments.what == "heads":
            return _heads(paths, arguments.json)
        if arguments.what == "stats":
            return _stats(paths, arguments.json)
        return _tail(paths[-1], arguments)
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error


def _sql(paths: Sequence[Path], arguments: argparse.Namespace) -> int:
    from kiosk.cli import journal_sql  # sqlite-utils is slow to import

    if not arguments.to and not arguments.list:
        raise Refused("say one SELECT, or --list for what can be asked", Exit.USAGE)
    return journal_sql.run(
        paths,
        arguments.to,
        "json" if arguments.json else arguments.format,
        within_s=arguments.within,
        lists=arguments.list,
        out=arguments.out,
    )


def _tail(path: Path, arguments: argparse.Namespace) -> int:
    reader = Reader(path)
    reader.open()
    try:
        following = reader.span().last - max(arguments.n, 0) + 1
        while True:
            for row in reader.rows(following):
                sys.stdout.write(_line(row, arguments.json))
                following = row.seq + 1
            sys.stdout.flush()
            if not arguments.follow:
                return Exit.OK
            time.sleep(_FOLLOW_EVERY_S)
    finally:
        reader.close()


def _line(row: Row, as_json: bool) -> str:
    body = b"null" if row.body is None else row.body
    if as_json:
        return f'{{"seq":{row.seq},"hash":"{row.hash.hex()}","body":{body.decode()}}}\n'
    if row.body is None:
        return f"{row.seq:>8}  (destroyed; its digest keeps the chain whole)\n"
    said = json.loads(body)
    what = " ".join(
        str(said[name])
        for name in (
            "source",
            "user",
            "time",
            "through",
            "mark",
            "person",
            "serial",
            "reason",
            "actor",
            "action",
            "anchor",
        )
        if said.get(name)
    )
    return f"{row.seq:>8}  {said['kind']:<9} {what}  {row.hash.hex()[:12]}\n"


def _heads(paths: Sequence[Path], as_json: bool) -> int:
    printed = journal_heads.as_json if as_json else journal_heads.as_text
    # One that was taken over from a damaged file may stand in two epochs.
    signed = dict.fromkeys(
        one.signed for _, reader in _opened(paths) for one in journal_heads.recorded(reader)
    )
    for one in signed:
        with suppress(Malformed):  # `verify` names it
            sys.stdout.write(printed(one))
    if not signed:
        sys.stderr.write("no head is signed yet: one a day is, once the clock is trusted\n")
    return Exit.OK


def _stats(paths: Sequence[Path], as_json: bool) -> int:
    for path, reader in _opened(paths):
        span = reader.span()
        kinds = Counter(
            "destroyed" if row.body is None else msgspec.json.decode(row.body)["kind"]
            for row in reader.rows(span.first)
        )
        said = {
            "file": path.name,
            "first": span.first,
            "last": span.last,
            "receipted": reader.cursor(),
            "kinds": dict(kinds),
            "bytes": sum(part.stat().st_size for part in path.parent.glob(path.name + "*")),
        }
        if as_json:
            sys.stdout.write(json.dumps(said) + "\n")
            continue
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        sys.stdout.write(
            f"{path.name}: entries {span.first} to {span.last} ({counted or 'none yet'}), "
            f"{said['receipted']} known to be with central, {said['bytes']} bytes\n"
        )
    return Exit.OK


def _opened(paths: Sequence[Path]) -> Iterator[tuple[Path, Reader]]:
    for path in paths:
        reader = Reader(path)
        reader.open()
        try:
            yield path, reader
        finally:
            reader.close()
