"""The installation itself: whose packages are imported, and who may read the settings."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from kiosk.doctor.machine import fact
from kiosk.facts import Fact

OURS: Final = "presensi-kiosk"
PACKAGES: Final = ("kiosk", "drivers", "sync")


def findings(
    settings: Path, secrets: bool, owners: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Fact]:
    """Yield what there is to say; `secrets` says whether the settings hold any."""
    yield _packages(packages_distributions() if owners is None else owners)
    yield _settings(settings, secrets)


def _packages(owners: Mapping[str, Sequence[str]]) -> Fact:
    others = {
        name: sorted(set(owners.get(name, ())) - {OURS})
        for name in PACKAGES
        if set(owners.get(name, ())) - {OURS}
    }
    advice = [
        f"the package {name!r} is {' and '.join(who)}'s as well, and one has overwritten the "
        "other: install the kiosk into a virtual environment of its own"
        for name, who in others.items()
    ]
    return fact("Paket", ", ".join(PACKAGES), advice, bad=bool(advice))


def _settings(path: Path, secrets: bool) -> Fact:
    mode = stat.S_IMODE(path.stat().st_mode)
    advice = []
    if mode & 0o002:
        advice.append(f"anybody may change {path}: chmod o-w {path}")
    elif secrets and mode & 0o004:
        advice.append(f"{path} has keys and anybody may read it: chmod o-r {path}")
    return fact("Pengaturan", f"{path}, {mode:o}", advice)
