"""`kiosk config`: the settings file, checked, shown, and changed without ever being half of one."""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.settings import Place, load
from sync.keyfile import KeyFileError, load_public, write_durably
from sync.settingsfile import SettingsError

HELP = "check, show or edit the settings"
EXAMPLES = """examples:
  kiosk config check                        is it right, and is what it names there?
  kiosk config check --config draft.toml
  kiosk config show [--json]                what holds, defaults included; no key, no password
  kiosk config edit                         $EDITOR; put in place only when it is right

The daemon reads its settings when it starts: systemctl restart presensi-kiosk. Nothing is lost by
that.

exit codes: 0 right, 1 it names something that is not there, 3 it cannot be used"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")
_HIDDEN: Final = frozenset({"comm_key", "password"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="config_verb", metavar="VERB", required=True)
    check = verbs.add_parser("check", help="say whether it is right")
    show = verbs.add_parser("show", help="show what holds, defaults included")
    show.add_argument("--json", action="store_true", help="as JSON")
    edit = verbs.add_parser("edit", help="change it with $EDITOR")
    for one in (check, show, edit):
        one.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    if arguments.config_verb == "edit":
        return _edit(arguments.config)
    try:
        place = load(arguments.config)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    if arguments.config_verb == "show":
        return _show(place, as_json=arguments.json)
    return _check(place)


def _check(place: Place) -> int:
    missing = list(lacking(place))
    for one in missing:
        sys.stdout.write(f"{place.file}: {one}\n")
    if missing:
        return Exit.FAILED
    sources = ", ".join(one.name for one in place.settings.sources)
    sys.stdout.write(f"{place.file} is right: kiosk {place.settings.kiosk}, sources {sources}\n")
    return Exit.OK


def lacking(place: Place) -> Iterator[str]:
    """Yield in words what the settings name and what is not there, with the next step."""
    for file in place.central:
        try:
            load_public(file)
        except KeyFileError as error:
            yield f"central: {error}"
    tls = place.line.tls
    if tls is not None:
        for name in ("ca", "certificate", "crl"):
            said = getattr(tls, name)
            if said and not Path(said).exists():
                yield f"line.tls.{name}: {said} is not there (docs/BROKER.md)"
    mirror = place.mirror
    if mirror is not None and not mirror.parent.exists():
        yield f"mirror: {mirror.parent} is not there: is the second medium mounted?"
    if not place.data.exists() and not place.data.parent.exists():
        yield f"data: {place.data.parent} is not there: make it, for the kiosk's user"


def _show(place: Place, *, as_json: bool) -> int:
    settings = _without_secrets(msgspec.to_builtins(place.settings))
    if as_json:
        sys.stdout.write(msgspec.json.encode(settings).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines("", settings)))
    return Exit.OK


def _without_secrets(one: Any) -> Any:
    """Return settings in which a key is "set" or "", and an address has no password."""
    if isinstance(one, dict):
        return {
            name: ("set" if value else "") if name in _HIDDEN else _without_secrets(value)
            for name, value in one.items()
        }
    if isinstance(one, list):
        return [_without_secrets(each) for each in one]
    if isinstance(one, str) and "@" in one:
        parts = urlsplit(one)
        return one.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if parts.netloc else one
    return one


def _lines(place: str, one: Any) -> Iterator[str]:
    """Yield `place = value` for every setting."""
    if isinstance(one, dict):
        for name, value in one.items():
            yield from _lines(f"{place}.{name}" if place else name, value)
    elif isinstance(one, list) and any(isinstance(each, dict) for each in one):
        for number, each in enumerate(one):
            yield from _lines(f"{place}[{number}]", each)
    else:
        yield f"{place} = {msgspec.json.encode(one).decode()}"


def _edit(file: Path) -> int:
    """Have a copy edited until it is right, and put it in place of the file then."""
    if not sys.stdin.isatty():
        raise Refused("nobody is there to edit; write the file, then kiosk config check")
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "nano")
    try:
        before = file.read_bytes()
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".edit-") as home:
            draft = Path(home) / file.name
            write_durably(draft, before)
            while True:
                subprocess.run([*editor, str(draft)], check=True)  # noqa: S603 - the user's own
                try:
                    msgspec.toml.decode(draft.read_bytes())
                    load(draft)
                    break
                except (SettingsError, msgspec.DecodeError) as error:
                    sys.stdout.write(f"{str(error).replace(str(draft), file.name)}\n")
                    if input("edit again? [Y/n] ").strip().lower() in ("n", "no"):
                        raise Refused(f"{file} is as it was", Exit.SETTINGS) from None
            if draft.read_bytes() == before:
                sys.stdout.write(f"{file} is as it was\n")
                return Exit.OK
            mode = file.stat()
            write_durably(file, draft.read_bytes(), mode.st_mode & 0o777)
            if os.geteuid() == 0:
                os.chown(file, mode.st_uid, mode.st_gid)
    except OSError as error:
        raise Refused(f"{error.filename or file}: {error.strerror}", Exit.STORAGE) from error
    except subprocess.CalledProcessError as error:
        raise Refused(f"{editor[0]} ended with {error.returncode}; {file} is as it was") from error
    sys.stdout.write(f"{file} is changed; it counts from the next start on: "
                     "systemctl restart presensi-kiosk\n")  # fmt: skip
    return _check(load(file))
