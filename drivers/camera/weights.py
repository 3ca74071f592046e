"""Weights: which files an engine needs, and whether the one that lies there is the right one.

The manifest is config/models.toml, in a checkout or as the wheel installed it. How a file gets
there is not known here (`kiosk models install`). No numpy and no OpenCV: the command line asks too.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from drivers.errors import Misconfigured

CHUNK_BYTES: Final = 1 << 20
PASSIVE: Final = "passive"
_MANIFEST: Final = "config/models.toml"


class Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of weights.

    Attributes:
        name: as settings and `kiosk models` call it.
        engine: which engine needs it, or "passive" for a liveness model.
        file: its name in the directory of weights.
        origin, licence: whose it is, and what one may do with it.
        package, member: a pinned package that carries it, and where in it; "" for none.
        package_bytes: what is downloaded to have it.
        url: where the site keeps it; "" for nowhere.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    engine: str
    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    origin: str
    licence: str
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Meta(gt=0)]
    package: str = ""
    member: str = ""
    package_bytes: int = 0
    url: str = ""

    @property
    def model(self) -> str:
        """Return what templates and scores are labelled with."""
        return f"{self.group}:{self.sha256[:12]}"

    @property
    def group(self) -> str:
        """Return the name under which what belongs together is installed."""
        return self.name if self.engine == PASSIVE else self.engine


class State(StrEnum):
    """What a file of weights is found to be."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"  # another file of that name, or a damaged one


class _Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    weights: Annotated[tuple[Weights, ...], Meta(min_length=1)]


def manifest() -> Sequence[Weights]:
    """Return every file of weights there is to know. Raises Misconfigured."""
    path = _manifest_path()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_Manifest).weights
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"cannot read {path}: {error}", hint="install the kiosk anew") from None


def wanted(name: str) -> Sequence[Weights]:
    """Return the weights called `name`, or all of the engine of that name. Raises Misconfigured."""
    known = manifest()
    found = [one for one in known if name in (one.engine, one.name)]
    if not found:
        names = ", ".join(sorted({one.engine for one in known} | {one.name for one in known}))
        raise Misconfigured(f"there are no weights {name!r}", hint=f"there are: {names}")
    return found


def named(name: str) -> Weights:
    """Return the weights called exactly `name`. Raises Misconfigured."""
    for one in wanted(name):
        if one.name == name:
            return one
    raise Misconfigured(f"there are no weights {name!r}", hint="`kiosk models list` shows them all")


def state(weights: Weights, directory: Path) -> State:
    """Return what lies in `directory`. Raises OSError where it cannot be read."""
    try:
        with (directory / weights.file).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return State.MISSING
    return State.OK if found == weights.sha256 else State.WRONG


def checked(weights: Weights, directory: Path) -> Path:
    """Return the path of a file whose hash is right. Raises Misconfigured."""
    path = directory / weights.file
    try:
        found = state(weights, directory)
    except OSError as error:
        raise Misconfigured(
            f"cannot read {path}: {error.strerror}",
            hint="look whether its owner and its medium are right",
        ) from None
    if found is not State.OK:
        said = "is not there" if found is State.MISSING else "has another SHA-256 than it must"
        raise Misconfigured(f"{path} {said}", hint=f"Run: kiosk models install {weights.group}")
    return path


def _manifest_path() -> Path:
    checkout = Path(__file__).resolve().parents[2] / _MANIFEST
    if checkout.exists():
        return checkout
    # A wheel's shared files lie where its installer put them, which only its record says.
    for installed in metadata.files("presensi-kiosk") or ():
        if installed.match(f"share/presensi-kiosk/{_MANIFEST}"):
            return Path(str(installed.locate()))
    return checkout
