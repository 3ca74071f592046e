"""Pictures of the employee's screen: every state, every size, both languages."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from screen_browser import SIZES, chromium, opened
from screen_stage import Stage
from screen_states import STATES, back, bring, settled

CHOSEN = [
    ("idle", "7-inch-wide", "id"),
    ("masuk", "7-inch-wide", "id"),
    ("masuk-late", "7-inch-wide", "id"),
    ("second-asked", "7-inch-wide", "id"),
    ("mine", "7-inch-wide", "id"),
    ("stranger", "7-inch-upright", "id"),
]
"""What README and docs show."""

PICTURES = Path(__file__).parent / "pictures"


def make(to: Path | None, states: Sequence[str], sizes: Sequence[str]) -> Iterator[Path]:
    """Make the pictures and yield their paths."""
    if to is None:
        wanted, to = CHOSEN, PICTURES
    else:
        wanted = [
            (state, size, language)
            for language in ("id", "en")
            for size in sizes or SIZES
            for state in states or STATES
        ]
    to.mkdir(parents=True, exist_ok=True)
    for language in ("id", "en"):
        for size in SIZES:
            here = [state for state, of, spoken in wanted if (of, spoken) == (size, language)]
            if here:
                yield from _pictures(to, here, size, language)


def _pictures(to: Path, states: Sequence[str], size: str, language: str) -> Iterator[Path]:
    with (
        tempfile.TemporaryDirectory() as directory,
        # A picture takes its time: longer than a result stays.
        Stage(Path(directory), f'language = "{language}"\nresult_s = 10.0') as stage,
        chromium() as browser,
    ):
        page = opened(browser, stage.address, size)
        for state in states:
            bring(state, stage, page)
            settled(page)
            path = to / f"screen-{state}-{size}{'' if language == 'id' else '-en'}.png"
            page.screenshot(path=path)
            yield path
            back(stage, page)
