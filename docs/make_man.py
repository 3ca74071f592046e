"""Makes the manual pages in docs/man/ from the commands' own parsers.

python docs/make_man.py           writes them
python docs/make_man.py --check   says which are not what the parsers say
"""

import sys
from pathlib import Path

from kiosk import VERSION
from kiosk.cli import parser_of
from kiosk.cli.completion import manual
from sync.central.cli import parser_of_all
from sync.central.exits import MEANS
from sync.manpage import About, page

MAN = Path(__file__).parent / "man"

CENTRAL = About(
    name="presensi-central",
    brief="the receiving server of presensi kiosks: receipts, rosters, days, pages",
    version=f"presensi-kiosk {VERSION}",
    exits=MEANS,
    files={
        "central.toml": "the settings, here unless --config names another; config/central.toml "
        "says what may stand there",
        "/var/lib/presensi-central": "database, keys, journal of decisions, where the sample "
        "settings put them",
    },
    see=["kiosk(1)", "docs/README.md of the distribution"],
)


def pages() -> dict[Path, str]:
    """Return every page by its place."""
    return {
        MAN / "kiosk.1": manual(parser_of()),
        MAN / "presensi-central.1": page(parser_of_all(), CENTRAL),
    }


def main() -> int:
    made = pages()
    if "--check" in sys.argv[1:]:
        old = [path for path, text in made.items() if _read(path) != text]
        for path in old:
            print(f"{path.name}: not what the command says: python docs/make_man.py")
        return 1 if old else 0
    MAN.mkdir(exist_ok=True)
    for path, text in made.items():
        path.write_text(text)
        print(path)
    return 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
