"""The seed's numbers: 44 units, 2,404 employees; on 10 August 2022 1,955 of them were present.

Every other one has a reason, or it is proved that nobody knows one.
"""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from random import Random

import pytest
from town_parts import MINUTE, City, Happening, Office, moment

from sync.protocol import moments
from sync.worktime.rules import Reason

pytestmark = pytest.mark.slow

ZONE = "Asia/Jakarta"
DAY = date(2022, 8, 10)
STAFF, UNITS, PRESENT = 2_404, 44, 1_955
REASONS = [one.value for one in Reason if one is not Reason.UNEXPLAINED]


def test_the_seeds_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The seed's day is from before this software, which believes no clock that says so.
    monkeypatch.setattr(moments, "NEVER_BEFORE_MS", moment(ZONE, date(2022, 1, 1), 0))
    rng = Random(20220810)
    city = City(tmp_path / "city")
    people = [f"19800101{n:010}" for n in range(STAFF)]
    units = [f"opd-{n:02}" for n in range(UNITS)]
    of = {person: units[n % UNITS] for n, person in enumerate(people)}
    away = rng.sample(people, STAFF - PRESENT)
    unexplained = set(away[:101])
    excused = {person: rng.choice(REASONS) for person in away[101:]}
    assert (
        city.take_in(
            {
                "units": ("unit,name", [(one, one.upper()) for one in units]),
                "posts": ("kiosk,unit", [(f"k-{one}", one) for one in units]),
                "people": ("person,name", [(one, f"Orang {one[-4:]}") for one in people]),
                "members": ("person,unit", list(of.items())),
                "credentials": (
                    "person,unit,credential,user",
                    [
                        (one, of[one], "terminal_user", n // UNITS + 1)
                        for n, one in enumerate(people)
                    ],
                ),
                "weeks": (
                    "plan,hours",
                    [("kantor", "1-4 07:30-16:00 break 60; 5 07:30-16:30 break 90")],
                ),
                "assignments": ("plan,unit", [("kantor", one) for one in units]),
                "regulations": (
                    "late,early",
                    [("1 TL1, 31 TL2, 61 TL3, 91 TL4", "1 PSW1, 31 PSW2")],
                ),
                "absences": (
                    "person,reason,since,until",
                    [(one, reason, DAY, DAY) for one, reason in excused.items()],
                ),
            }
        )
        == 0
    )
    capsys.readouterr()
    late = set(rng.sample(sorted(set(people) - set(away)), 200))
    for unit in units:
        begin = moment(ZONE, DAY, -600)
        office = Office(tmp_path / unit, f"k-{unit}", ZONE, begin)
        office.deliver = city.deliver
        city.admit(office)
        happenings = [Happening(begin + MINUTE, "line"), Happening(begin + 2 * MINUTE, "night")]
        for n, person in enumerate(people):
            if of[person] != unit or person in away:
                continue
            arrives = moment(ZONE, DAY, 450 + (rng.randint(1, 120) if person in late else -5), 20)
            leaves = moment(ZONE, DAY, 965 + rng.randint(0, 30), 20)
            user = str(n // UNITS + 1)
            happenings += [Happening(at, "punch", user) for at in (arrives, leaves)]
        tomorrow = moment(ZONE, DAY, 1440 + 150)
        happenings += [Happening(tomorrow, "night"), Happening(tomorrow + MINUTE, "line")]
        office.live([*happenings, Happening(tomorrow + 2 * MINUTE, "end")])
        assert office.rosters.current.people == STAFF // UNITS + (units.index(unit) < STAFF % UNITS)
        office.epochs.close()

    listed = tmp_path / "day.csv"
    assert city.run("recap", DAY, "--json", "--list", listed) == 0
    counted = {one["unit"]: one for one in json.loads(capsys.readouterr().out)}
    assert len(counted) == UNITS + 1
    all_of_them = counted[""]
    assert (all_of_them["staff"], all_of_them["here"]) == (STAFF, PRESENT)
    assert all_of_them["percent"] == 81.3
    assert all_of_them["late"] == 200
    words = Counter(excused.values()) + Counter({"tanpa keterangan": len(unexplained)})
    assert all_of_them["words"] == words
    assert sum(words.values()) == 449
    rows = listed.read_text("utf-8-sig").splitlines()[1:]
    assert len(rows) == STAFF
    said = {row.split(",")[2]: row.split(",")[7] for row in rows}
    assert {one for one, word in said.items() if word == "tanpa keterangan"} == unexplained
    assert {one: word for one, word in said.items() if one in excused} == excused

    assert city.run("recap", DAY) == 0
    assert f"{DAY}  semua unit: 1955 dari 2404 hadir (81.3 %)" in capsys.readouterr().out
    city.close()
