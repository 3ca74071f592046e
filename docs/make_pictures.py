"""Pictures of the pages, made by driving the real ones with real events; never by hand.

    python docs/make_pictures.py screen|central|technician|console [--to DIR] [--only ...]
                                 [--size ...]

`screen` is the employee's screen (docs/pictures_screen.py), `technician` the technician's page
(docs/pictures_technician.py), `central` are central's pages (docs/pictures_central.py), `console`
what commands show (docs/pictures_console.py). Without
--to only the handful that README and docs show is made anew, in docs/pictures/; with it every state
in every size, and of the screen in both languages, goes to that directory.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BESIDE = ("tests/screen", "tests/sync/central", "bench")
sys.path[:0] = [str(HERE), *(str(HERE.parent / one) for one in BESIDE)]

import pictures_central  # noqa: E402 - found only now
import pictures_console  # noqa: E402
import pictures_screen  # noqa: E402
import pictures_technician  # noqa: E402

MAKERS = {
    "screen": pictures_screen.make,
    "technician": pictures_technician.make,
    "central": pictures_central.make,
    "console": pictures_console.make,
}
"""For each group of pages what makes its pictures: (directory or None, states, sizes) -> paths."""


def main() -> None:
    """Make what was asked for, and print the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", choices=sorted(MAKERS))
    parser.add_argument("--to", type=Path, metavar="DIR", help="all of them, there")
    parser.add_argument("--only", nargs="+", default=[], metavar="STATE")
    parser.add_argument("--size", nargs="+", default=[], metavar="SIZE")
    given = parser.parse_args()
    for path in MAKERS[given.pages](given.to, given.only, given.size):
        print(path)


if __name__ == "__main__":
    main()
