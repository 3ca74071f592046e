"""Photographs, screens and cut videos against the head turn: how many of how many tries pass.

    python bench/attacks.py [--data DIR] [--people N] [--quick]

DIR has a directory of pictures for each person; by default ../shared/data/faces/lfw, and the figure
is null where that is not there. Of N people (10) with four pictures or more, one that looks
straight is moved, warped and shown as bench/stand/attacks.py says, to either side; cuts are made of
everybody who has a turned picture too. A try without a face in it is none. Prints one JSON line:

    tried, passed     challenges in all, and how many of them ended well for the picture
    at_most           the share that may pass for all that (95 % confidence); null if any passed
    by_attack         name -> [tried, passed]

`make test` tries every kind of attack on one person. Ten people take four minutes of a core.
"""

import argparse
import json
from pathlib import Path

from stand.attacks import ATTACKS, CUT, sitters, tally, tally_cuts
from stand.models import SHARED, models

from drivers.camera.sface import SFace

CUT_PEOPLE = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "faces" / "lfw")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two people")
    given = parser.parse_args()
    if not given.data.is_dir():
        print("null")
        return
    engine = SFace(models("sface"))
    everybody = sitters(engine, given.data, CUT_PEOPLE)
    people = everybody[: 2 if given.quick else given.people]
    counted = {name: tally(engine, people, name) for name in ATTACKS}
    counted[CUT] = tally_cuts(engine, people if given.quick else everybody)
    by_attack = {
        name: [one.total() - one["unseen"], one["passed"]] for name, one in counted.items()
    }
    tried = sum(one for one, _ in by_attack.values())
    passed = sum(one for _, one in by_attack.values())
    figures = {
        "people": len(people),
        "tried": tried,
        "passed": passed,
        "at_most": None if passed or not tried else round(1 - 0.05 ** (1 / tried), 4),
        "by_attack": by_attack,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
