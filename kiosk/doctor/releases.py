"""Which release holds, how the last trial ended, and whether what was left is taken up."""

from collections.abc import Iterator
from pathlib import Path

from kiosk.doctor.machine import fact
from kiosk.facts import Fact
from kiosk.release.copies import OF
from kiosk.release.errors import ReleaseError
from kiosk.release.house import Releases
from kiosk.returned import TAKEN


def findings(releases: Releases, data: Path) -> Iterator[Fact]:
    """Yield what there is to say, where releases are kept side by side."""
    if not releases.current:
        return
    advice, said = [], releases.current
    try:
        trial, ended = releases.trial(), releases.ended()
    except ReleaseError as error:
        yield fact("Rilis", said, [f"{error}"])
        return
    if trial is not None:
        said += f", dicoba; sebelumnya {trial.earlier}"
        advice.append(f"release {trial.version} is on trial: kiosk release list says how it goes")
    elif ended is not None and not ended.kept:
        advice.append(
            f"release {ended.version} was returned from: {ended.why}. Tell whoever publishes it, "
            "with kiosk doctor --bundle; then install a later one"
        )
    if left := [one.name for one in data.glob(f"journal{OF}*") if one.suffix != TAKEN]:
        advice.append(
            f"{data / left[0]} is not taken up yet: restart the daemon, and look into its log"
        )
    yield fact("Rilis", said, advice)
