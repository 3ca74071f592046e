"""Pictures of the technician's page: in order, in trouble, and its door."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from screen_browser import chromium
from technician_stage import SIZES, TROUBLES, Workshop, entered, in_order, in_trouble, opened

PICTURES = Path(__file__).parent / "pictures"

STATES = {
    "technician-ok": (in_order(), [], entered),
    "technician-trouble": (in_trouble(), TROUBLES, entered),
    "technician-login": (in_order(), [], opened),
}
"""How the kiosk is, what went wrong lately, and how far somebody gets."""


def make(to: Path | None, states: Sequence[str], sizes: Sequence[str]) -> Iterator[Path]:
    """Make the pictures and yield their paths."""
    if to is None:
        named = {("technician-trouble", "desk"): PICTURES / "technician.png"}
    else:
        named = {
            (state, size): to / f"{state}-{size}.png"
            for state in states or STATES
            for size in sizes or SIZES
        }
    with (
        tempfile.TemporaryDirectory() as directory,
        Workshop(Path(directory)) as stage,
        chromium() as browser,
    ):
        for (state, size), path in named.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            stage.status, stage.troubles, come = STATES[state]
            page = come(stage, browser, size)
            page.screenshot(path=path, full_page=True)
            page.close()
            yield path
