"""How long a roster of 10,000 people takes from central to a kiosk that works on it.

    python bench/roster.py [--quick] [--directory DIR]

The real daemon, mosquitto, presensi-central on PostgreSQL, as processes of their own, over
loopback. The kiosk's line is up and it has a roster of its own unit; then one more unit that it
serves is imported at central, of 10,000 people with credentials, and after that one person's name
is changed. Prints one JSON line:

    people, seconds    from the end of the import to the receipt for the kiosk's word that it has
                       adopted the roster, every page checked against the signed manifest
    import_seconds     the import itself, its checks and the decision
    change_seconds     the same for the one name, which comes in one page
    kilobytes          of pages on the kiosk's disk
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from footprint import free_ports, now
from latency import await_line
from stand.office import Office
from stand.postgres import Server

PEOPLE = 10_000
WITHIN_S = 120.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer people")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    given = parser.parse_args()
    people = PEOPLE // 10 if given.quick else PEOPLE
    server = Server()
    try:
        server.start()
        with (
            tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-roster-") as name,
            Office(Path(name), free_ports(), server.make("central")) as office,
        ):
            daemon = office.daemon()
            try:
                print(json.dumps({"people": people, **measured(office, Path(name), people)}))
            finally:
                daemon.end()
    finally:
        server.remove()


def measured(office: Office, home: Path, people: int) -> dict[str, float]:
    """Return the figures."""
    await_line(office)
    adopted(office, version=0)
    before = now(office).roster
    import_s = timed(
        lambda: office.bench.central("roster", "import", sheets(home, people, "Orang"))
    )
    seconds = adopted(office, before)
    pages = office.bench.data / "kiosk" / "roster" / "pages"
    size = sum(one.stat().st_size for one in pages.iterdir())
    before = now(office).roster
    office.bench.central("roster", "import", sheets(home, 1, "Bukan Orang"))
    change_s = adopted(office, before)
    return {
        "seconds": round(seconds, 2),
        "import_seconds": round(import_s, 2),
        "change_seconds": round(change_s, 2),
        "kilobytes": round(size / 1024),
    }


def timed(do: Callable[[], object]) -> float:
    """Return how long it takes, seconds."""
    began = time.monotonic()
    do()
    return time.monotonic() - began


def sheets(home: Path, people: int, name: str) -> Path:
    """Write the sheets of a unit of so many people; return where."""
    directory = home / "sheets"
    directory.mkdir(exist_ok=True)
    ids = [f"199001012020{n:06}" for n in range(people)]
    rows = {
        "units": (("unit", "name"), [("besar", "Dinas Besar")]),
        "posts": (("kiosk", "unit"), [("kiosk-demo", "besar")]),
        "people": (("person", "name"), [(one, f"{name} {one[-6:]}") for one in ids]),
        "members": (("person", "unit"), [(one, "besar") for one in ids]),
        "credentials": (
            ("person", "unit", "credential", "user"),
            [(one, "besar", "card", f"{n + 5_000_000:010}") for n, one in enumerate(ids)],
        ),
    }
    for sheet, (header, lines) in rows.items():
        with (directory / f"{sheet}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(lines)
    return directory


def adopted(office: Office, version: int) -> float:
    """Wait until the kiosk's word that it works on another than `version` is receipted; seconds."""
    began = time.monotonic()
    while time.monotonic() < began + WITHIN_S:
        status = now(office)
        if status.roster != version and status.line.waiting == 0:
            return time.monotonic() - began
        time.sleep(0.02)
    raise TimeoutError(f"no roster but {version} within {WITHIN_S:g} s")


if __name__ == "__main__":
    main()
