"""Taking in a roster: all of it or nothing, what changes, what is wrong, and who decided it."""

import json
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from sync.central.city import load
from sync.central.roster import state, verbs
from sync.central.roster.layout import SHEETS
from sync.central.store.city import Post
from sync.protocol.roster import OF_A_PERSON, Grant, Known, Member, Person, Unit
from sync.worktime.book import Book

COUNTS = (
    "units +2 ~0 -0, posts +2 ~0 -0, people +3 ~0 -0, members +4 ~0 -0, credentials +5 ~0 -0, "
    "grants +2 ~0 -0, regulations +1 ~0 -0, weeks +2 ~0 -0, holidays +2 ~0 -0, shifts +4 ~0 -0, "
    "rotations +1 ~0 -0, groups +2 ~0 -0, assignments +3 ~0 -0, tables +1 ~0 -0, swaps +1 ~0 -0, "
    "pairs +1 ~0 -0"
)


def everything(house):
    with house.store.reading() as tx:
        return state.held(tx)


def test_every_sheet_of_the_sample_is_taken_in(run, house, sample):
    code, out, _ = run("roster", "import", sample, "--reason", "awal tahun")
    assert (code, out.splitlines()[-1]) == (0, COUNTS)
    assert (
        "+ credentials RSUD terminal_user 17 199002022015022003 Siti Aminah since 2026-07-01" in out
    )
    assert "look at posts row 2, `kiosk`: no kiosk 'lobi' is admitted yet" in out
    with house.store.reading() as tx:
        assert Unit(id="RSUD", name="Rumah Sakit Umum Daerah", zone="Asia/Makassar") in tx.city.all(
            Unit
        )
        assert len(tx.city.all(Person)) == 3
        assert Member(
            person="198503152010011007",
            unit="RSUD",
            since=date(2020, 1, 1),
            until=date(2026, 6, 30),
        ) in tx.city.all(Member)
        assert Known(
            person="198007172005011001",
            credential="card",
            user="0004821377",
            since=date(2026, 1, 1),
        ) in tx.city.all(Known)
        assert Post(kiosk="lobi", unit="BKPSDM", since=date(2026, 1, 1)) in tx.city.all(Post)
        [guest, pin] = tx.city.all(Grant)
        assert (guest.allows, guest.user, guest.reference) == ("guest", "90", "ST 800/12/2026")
        assert pin.allows == "pin"
    rules = everything(house)
    [shift] = [one for one in rules["shifts"].values() if one.code == "M"]
    assert (shift.start, shift.end, shift.window.before_min) == (21 * 60, 31 * 60, 60)
    [table] = rules["tables"].values()
    assert table.days[-3:] == [["PKT"], None, ["P", "S"]]
    assert table.days[6] == []
    [regulation] = rules["regulations"].values()
    assert [(one.from_min, one.code) for one in regulation.late][1] == (31, "TL2")
    assert regulation.demands == {"card": "second"}


def test_an_import_is_a_decision_and_its_files_are_kept(run, house, sample):
    run("roster", "import", sample, "--reason", "awal tahun")
    [said] = [one.said for one in house.decisions.read()]
    assert (said.action, said.subject, said.reason) == ("import roster", "roster", "awal tahun")
    assert said.detail["units"] == "+2 ~0 -0"
    with house.store.reading() as tx:
        listed = tx.city.document(bytes.fromhex(said.detail["sha256"])).decode()
        files = dict(line.split("  ")[::-1] for line in listed.splitlines())
        assert files["units.csv"] == sha256((sample / "units.csv").read_bytes()).hexdigest()
        for name, digest in files.items():
            assert tx.city.document(bytes.fromhex(digest)) == (sample / name).read_bytes()
    assert len(files) == 16


def test_the_same_file_again_changes_nothing_and_is_a_decision_all_the_same(run, house, sample):
    run("roster", "import", sample)
    with house.store.reading() as tx:
        stamp = tx.city.stamp()
    code, out, _ = run("roster", "import", sample)
    assert (code, out.splitlines()[-1]) == (0, "nothing changes")
    with house.store.reading() as tx:
        assert tx.city.stamp() == stamp
    assert len(list(house.decisions.read())) == 2


def test_the_stamp_rises_with_every_change(run, house, sheets, base):
    stamps = []
    for name in ("Budi", "Budi S.", "Budi Santoso"):
        base["people"] = f"person,name\n1,{name}\n"
        run("roster", "import", sheets(**base))
        with house.store.reading() as tx:
            stamps.append(tx.city.stamp())
    assert stamps == [1, 2, 3]


def test_a_dry_run_and_a_diff_take_in_nothing(run, house, sample):
    code, dry, _ = run("roster", "import", sample, "--dry-run")
    assert code == 0
    assert "dry run: nothing is taken in" in dry
    assert run("roster", "diff", sample)[:2] == (0, dry)
    assert not any(everything(house).values())
    assert list(house.decisions.read()) == []


def test_rows_not_named_stay_unless_they_are_replaced(run, house, sheets, base):
    run("roster", "import", sheets(**base, members="person,unit\n1,A\n2,A\n"))
    fewer = {"members": "person,unit\n2,A\n3,B\n"}
    assert run("roster", "import", sheets(**fewer))[1] == "+ members 3 Made B\nmembers +1 ~0 -0\n"
    _, out, _ = run("roster", "diff", sheets(**fewer), "--replace")
    assert out.splitlines()[0] == "- members 1 Budi A"
    run("roster", "import", sheets(**fewer), "--replace")
    held = everything(house)
    assert [key[:2] for key in held["members"]] == [("2", "A"), ("3", "B")]
    assert len(held["people"]) == 3  # a sheet that is not in the file stays
    [*_, last] = house.decisions.read()
    assert last.said.detail["replace"] == "yes"


def test_what_is_still_named_elsewhere_cannot_be_replaced_away(run, house, sheets, base):
    run("roster", "import", sheets(**base, members="person,unit\n1,A\n"))
    code, out, _ = run("roster", "import", sheets(people="person,name\n2,Siti\n"), "--replace")
    assert code == 1
    assert "members, `person`: 1 Budi A: '1' is not in the sheet people, and not held" in out
    assert len(everything(house)["people"]) == 3


def test_a_changed_row_says_what_it_was(run, sheets, base):
    run("roster", "import", sheets(**base, members="person,unit,since\n1,A,2026-01-01\n"))
    closed = sheets(members="person,unit,since,until\n1,A,2026-01-01,2026-06-30\n")
    _, out, _ = run("roster", "import", closed)
    assert out.splitlines()[0] == ("~ members 1 Budi A since 2026-01-01: until open -> 2026-06-30")


def test_a_column_that_is_not_there_leaves_what_is_held(run, house, sheets, base):
    run("roster", "import", sheets(units="unit,name,zone\nA,Dinas A,Asia/Jayapura\n"))
    _, out, _ = run("roster", "import", sheets(units="unit,name\nA,Dinas Satu\n"))
    assert out.splitlines()[0] == "~ units A: name Dinas A -> Dinas Satu"
    [unit] = everything(house)["units"].values()
    assert unit.zone == "Asia/Jayapura"


def test_the_diff_in_json(run, sheets, base):
    run("roster", "import", sheets(**base))
    file = sheets(people="person,name\n1,Budi Santoso\n")
    code, out, _ = run("roster", "diff", file, "--json")
    assert (code, json.loads(out)) == (0, {
        "taken_in": False,
        "counts": {"people": "+0 ~1 -0"},
        "changes": ["~ people 1: name Budi -> Budi Santoso"],
        "faults": [],
        "warnings": [],
    })  # fmt: skip


# What is wrong.


def test_all_that_is_wrong_is_said_with_its_place_and_nothing_is_taken_in(run, house, sheets, base):
    base["people"] = "person,name\n1,Budi\n,Siti\n1,Made\n1.98503E+17,Ayu\n9,\n"
    code, out, _ = run("roster", "import", sheets(
        **base,
        credentials="person,credential,user,unit,since,until\n"
                    "1,terminal_user,17,A,2026-01-01,31/02/2026\n"
                    "1,kartu,17,A,03/04/2026,\n",
        rotas="a,b\n1,2\n",
        grants="person,unit,alows\n1,A,guest\n",
    ))  # fmt: skip
    assert code == 1
    assert out.splitlines() == [
        f"roster: rotas: no such sheet; there are {', '.join(SHEETS)}. "
        "Begin the name with # for notes",
        "roster: people row 3, `person`: must not be empty",
        "roster: people row 4: has the person of row 2",
        "roster: people row 5, `person`: 1.98503E+17 has lost its last digits; format the column "
        "as text and enter it again",
        "roster: people row 6, `name`: must not be empty",
        "roster: credentials row 2, `until`: 31/02/2026 is no date; write one like 2026-02-28",
        "roster: credentials row 3, `credential`: 'kartu' is none of: terminal_user, finger_slot, "
        "card, face, qr",
        "roster: credentials row 3, `since`: 03/04/2026 may begin with the day or the month; "
        "write 2026-04-03 if it is that",
        "roster: grants row 1, `allows`: the column is missing",
        "roster: grants row 1, `alows`: no such column; there are person, unit, allows, user, "
        "reference, since, until",
        "10 faults; nothing is taken in",
    ]
    assert not any(everything(house).values())
    assert list(house.decisions.read()) == []


def test_fifty_faults_are_listed(run, sheets):
    rows = "".join(f"{n},\n" for n in range(80))
    code, out, _ = run("roster", "import", sheets(people="person,name\n" + rows))
    assert code == 1
    assert out.count("must not be empty") == 50
    assert out.splitlines()[-2:] == ["and 30 more", "80 faults; nothing is taken in"]


def test_what_contradicts_is_said_with_both_rows(run, sheets, base):
    code, out, _ = run("roster", "import", sheets(
        **base,
        credentials="person,credential,user,unit,since,until\n"
                    "1,terminal_user,17,A,,2026-06-30\n"
                    "2,terminal_user,17,A,2026-06-30,\n"
                    "3,card,99,,,\n"
                    "2,card,99,B,2026-01-01,\n"
                    "3,terminal_user,17,B,,\n",
        members="person,unit,since,until\n4,A,,\n1,C,,\n1,A,2026-02-01,2026-01-31\n",
    ))  # fmt: skip
    assert code == 1
    assert out.splitlines()[:-1] == [
        "roster: members row 2, `person`: '4' is not in the sheet people, and not held",
        "roster: members row 3, `unit`: 'C' is not in the sheet units, and not held",
        "roster: members row 4, `until`: 2026-01-31 is before since, 2026-02-01",
        "roster: credentials row 3, `user`: terminal_user '17' at 'A' would be 2's and, by "
        "credentials row 2, 1's on the same days; end one of them",
        "roster: credentials row 5, `user`: card '99' at 'B' would be 2's and, by credentials "
        "row 4, 3's on the same days; end one of them",
    ]


@pytest.mark.parametrize("credential", OF_A_PERSON)
def test_a_face_or_code_is_its_persons_and_no_row_makes_it_anothers(run, sheets, base, credential):
    """Both would have it, so nobody would be known by it, at any kiosk."""
    faces = f"person,credential,user,unit\n{{}},{credential},1,\n"
    code, out, _ = run("roster", "import", sheets(**base, credentials=faces.format("2")))
    assert (code, out.splitlines()[0]) == (
        1,
        f"roster: credentials row 2, `user`: {credential} '1' is 1's own, everywhere: take the "
        "row out",
    )
    assert run("roster", "import", sheets(**base, credentials=faces.format("1")))[0] == 0


def test_a_clash_with_what_is_held_names_it(run, sheets, base):
    known = "person,credential,user,unit,since,until\n"
    run(
        "roster", "import", sheets(**base, credentials=f"{known}1,terminal_user,17,A,2026-01-01,\n")
    )
    file = sheets(credentials=f"{known}2,terminal_user,17,A,2026-07-01,\n")
    code, out, _ = run("roster", "import", file)
    assert (code, out.splitlines()[0]) == (
        1,
        "roster: credentials row 2, `user`: terminal_user '17' at 'A' would be 2's and, by "
        "credentials, held: A terminal_user 17 1 Budi since 2026-01-01, 1's on the same days; "
        "end one of them",
    )
    both = sheets(credentials=f"{known}1,terminal_user,17,A,2026-01-01,2026-06-30\n"
                              "2,terminal_user,17,A,2026-07-01,\n")  # fmt: skip
    assert run("roster", "import", both)[0] == 0


def test_a_guest_may_not_come_under_a_colleagues_user_id(run, sheets, base):
    base["credentials"] = (
        "person,credential,user,unit\n1,terminal_user,17,A\n2,terminal_user,17,B\n"
    )
    guest = "person,unit,allows,user,since,until\n1,B,guest,{},2026-03-02,2026-03-06\n"
    code, out, _ = run("roster", "import", sheets(**base, grants=guest.format("")))
    assert (code, out.splitlines()[0]) == (
        1,
        "roster: credentials row 3, `user`: terminal_user '17' at 'B' would be 2's and, by "
        "grants row 2, 1's on the same days; end one of them",
    )
    assert run("roster", "import", sheets(**base, grants=guest.format("90")))[0] == 0


def test_two_memberships_at_once_are_only_odd(run, sheets, base):
    code, out, _ = run("roster", "import", sheets(**base, members="person,unit\n1,A\n1,B\n"))
    assert code == 0
    assert "look at members row 3, `unit`: 1 belongs to 'A' and 'B' on the same days" in out


def test_duties_that_cannot_be(run, sheets, base):
    code, out, _ = run("roster", "import", sheets(
        **base,
        shifts="code,start,end,unit\nM,21:00,07:00,A\nP,07.30,8:65,A\n",
        weeks="plan,hours\nx,1-4 07:30-16:00 brek 60\ny,8 07:30-16:00\n",
        rotations="plan,cycle,anchor\nr,\"P, Q\",2026-01-01\n",
    ))  # fmt: skip
    assert code == 1
    assert out.splitlines()[:-1] == [
        "roster: weeks row 2, `hours`: 'brek' is none of: before, after, arrive-until, leave-from",
        "roster: weeks row 3, `hours`: '8' are no days of the week; write them like 1-4 or 1,3,5",
        "roster: shifts row 3, `end`: 8:65 is no time of day; write one like 07:30",
    ]
    code, out, _ = run("roster", "import", sheets(
        **base,
        shifts="code,start,end,unit\nM,21:00,07:00,A\n",
        rotations="plan,cycle,anchor\nr,\"M, Q\",2026-01-01\n",
        assignments="plan,person,unit\nz,1,\nr,1,A\n",
    ))  # fmt: skip
    assert code == 1
    assert out.splitlines()[:-1] == [
        "roster: shifts row 2, `end`: a duty ends after it starts; into the next day write 32:00 "
        "for 08:00",
        "roster: rotations row 2, `cycle`: Q: not in the sheet shifts",
        "roster: assignments row 2, `plan`: 'z' is in neither of the sheets weeks, rotations",
        "roster: assignments row 3: name one: a person, a group or a unit",
    ]


# The files.


def test_the_simple_file_says_names_and_units(run, house, tmp_path):
    file = tmp_path / "pegawai.csv"
    file.write_text("\ufeffperson,name,unit\n1,Ayu,Dinas A\n2,Budi,\n3,Siti,Dinas A\n")
    code, out, _ = run("roster", "import", file)
    assert (code, out.splitlines()[-1]) == (0, "units +1 ~0 -0, people +3 ~0 -0, members +2 ~0 -0")
    file.write_text("person;name;unit\n1;Ayu;Dinas B\n2;Budi;Dinas A\n")
    assert run("roster", "import", file)[1].splitlines() == [
        "+ units Dinas B Dinas B",
        "+ members 1 Ayu Dinas B",
        "+ members 2 Budi Dinas A",
        "- members 1 Ayu Dinas A",
        "units +1 ~0 -0, members +2 ~0 -1",
    ]
    assert run("roster", "import", file)[1] == "nothing changes\n"
    assert run("roster", "import", file, "--replace")[0] == 2
    file.write_text("person,name\n1,Ayu\n,\n,Putu\n")
    code, out, _ = run("roster", "import", file)
    assert (code, "people row 4, `person`: must not be empty" in out) == (1, True)


def test_the_simple_file_names_units_as_people_do(run, house, sheets, base, tmp_path):
    run("roster", "import", sheets(**base))
    file = tmp_path / "pegawai.csv"
    file.write_text("person,name,unit\n1,Budi,Dinas A\n2,Siti,B\n")
    assert run("roster", "import", file)[1].splitlines()[-1] == "members +2 ~0 -0"
    assert [key[:2] for key in everything(house)["members"]] == [("1", "A"), ("2", "B")]


def test_a_file_that_is_no_roster_is_said(run, tmp_path):
    file = tmp_path / "pegawai.csv"
    file.write_text("nip;nama\n1;Ayu\n")
    code, out, _ = run("roster", "import", file)
    assert (code, "pegawai: no such sheet; there are units" in out) == (1, True)
    for content, words in (
        (b"person,name,unit\n1,\xff,x\n", "not a CSV file in UTF-8"),
        (b'person,name\n1,"Ayu\n', "not a CSV file in UTF-8"),
    ):
        file.write_bytes(content)
        code, _, err = run("roster", "import", file)
        assert (code, words in err, err.count("\n")) == (1, True, 1)
    file.write_bytes(b"")
    assert "pegawai: no such sheet" in run("roster", "import", file)[1]
    empty = tmp_path / "people.csv"
    empty.write_bytes(b"")
    assert "people: empty; its first row must be person, name" in run("roster", "import", empty)[1]
    assert "No such file" in run("roster", "import", tmp_path / "none.csv")[2]
    (tmp_path / "nothing").mkdir()
    assert "no .csv file in it" in run("roster", "import", tmp_path / "nothing")[2]
    wrong = tmp_path / "people.xlsx"
    wrong.write_bytes(b"PK rubbish")
    code, _, err = run("roster", "import", wrong)
    assert (code, "not a workbook" in err, err.count("\n")) == (1, True, 1)


def test_a_row_is_numbered_as_the_person_sees_it(run, sheets, base):
    base["people"] = 'person,name\n\n1,"Budi\nSantoso"\n\n2,\n'
    _, out, _ = run("roster", "import", sheets(**base))
    assert out.splitlines()[:-1] == [
        "roster: people row 3, `name`: the sign U+000A in 'Budi\\nSantoso' cannot be seen; "
        "take it out",
        "roster: people row 6, `name`: must not be empty",
    ]


def test_notes_are_left_out(run, sheets, base):
    notes = {"#catatan": "apa saja\nx\n"}
    base["people"] = "person,name,#catatan,\n1,Budi,sudah dicek,\n"
    assert run("roster", "import", sheets(**base, **notes))[0] == 0


# Out again.


def test_what_is_exported_is_imported_without_a_change(run, sample, tmp_path: Path):
    run("roster", "import", sample)
    for name in ("all.xlsx", "all"):
        code, out, _ = run("roster", "export", tmp_path / name)
        assert (code, out) == (0, f"36 rows in {tmp_path / name}\n")
        assert run("roster", "diff", tmp_path / name, "--replace")[1].splitlines()[-1] == (
            "nothing changes (dry run: nothing is taken in)"
        )
        files = [tmp_path / name, *(tmp_path / name).glob("*")]
        assert all(one.stat().st_mode & 0o077 == 0 for one in files)


def test_an_export_is_a_decision_and_a_bad_place_is_said(run, house, sample, tmp_path: Path):
    run("roster", "import", sample)
    run("roster", "export", tmp_path / "all")
    [*_, last] = house.decisions.read()
    assert (last.said.action, last.said.detail["rows"]) == ("export roster", "36")
    code, _, err = run("roster", "export", tmp_path / "none" / "all.xlsx")
    assert (code, err.count("\n")) == (1, 1)


def test_a_name_with_a_comma_that_is_not_in_quotes_is_a_fault(run, tmp_path):
    """Else Budi loses his title without a word, and belongs to a unit `S.H.`."""
    simple = tmp_path / "pegawai.csv"
    simple.write_text("person,name,unit\n1,Budi Santoso, S.H.,BKPSDM\n")
    code, out, _ = run("roster", "import", simple)
    assert (code, out.splitlines()[0]) == (
        1,
        "pegawai.csv: pegawai row 2: 'BKPSDM' stands behind the last column; a text with a comma "
        "in it must stand in quotes",
    )
    people = tmp_path / "people.csv"
    people.write_text("person,name\n1,Budi Santoso, S.H.\n")
    code, out, _ = run("roster", "import", people)
    assert (code, "people row 2: ' S.H.' stands behind the last column" in out) == (1, True)


def test_the_simple_file_as_spreadsheets_write_it(run, house, tmp_path):
    file = tmp_path / "PEGAWAI.CSV"
    file.write_text("\ufeffperson;name;unit;\n1;Budi;BKPSDM;\n;;;\n", encoding="utf-8")
    code, out, _ = run("roster", "import", file)
    assert (code, out.splitlines()[-1]) == (0, "units +1 ~0 -0, people +1 ~0 -0, members +1 ~0 -0")
    file.write_text("person;name;unit;unit\n1;Budi;BKPSDM;RSUD\n")
    code, out, _ = run("roster", "import", file)
    assert (code, "`unit`: the column is there twice" in out) == (1, True)


def test_a_sheets_name_may_be_in_capitals(run, tmp_path):
    file = tmp_path / "UNITS.CSV"
    file.write_text("unit,name\nA,A\n")
    assert run("roster", "import", file)[0] == 0


def test_what_makes_strangers_of_known_people_is_to_be_looked_at(run, sheets):
    roster = sheets(
        units="unit,name\nA,A\nB,B\n",
        posts="kiosk,unit\nlobi,A\nlobi,B\n",
        people="person,name\n1,Ani\n2,Budi\n3,Citra\n",
        credentials="person,credential,user,unit\n1,terminal_user,17,A\n2,terminal_user,17,B\n"
        "3,terminal_user,18,\n3,card,99,\n",
        grants="person,unit,allows,user\n3,A,guest,90\n",
    )
    code, out, _ = run("roster", "import", roster)
    said = [line for line in out.splitlines() if "look at" in line and "admitted" not in line]
    assert (code, said) == (
        0,
        [
            "look at posts row 3, `unit`: 'A' and 'B' both use 17: who punches so at 'lobi' is a "
            "stranger",
            "look at credentials row 4, `unit`: terminal_user '18' without a unit is 3's "
            "everywhere",
            "look at grants row 2, `user`: 3 has no user id at home, so none at 'A' either",
        ],
    )


def test_a_nip_with_the_spaces_in_which_it_is_often_written_is_the_same_person(run, house, sheets):
    run("roster", "import", sheets(people="person,name\n198503152010011007,Budi\n"))
    run("roster", "import", sheets(people="person,name\n19850315 201001 1 007,Budi\n"))
    assert len(everything(house)["people"]) == 1


def test_an_export_to_one_csv_file_is_refused(run, tmp_path):
    assert run("roster", "export", tmp_path / "roster.csv")[0] != 0


def test_what_was_migrated_goes_out_and_in_again(run, house, tmp_path):
    name = "Dinas Pemberdayaan Masyarakat, Desa, Pemberdayaan Perempuan dan Perlindungan Anak"
    with house.store.writing() as tx:
        tx.city.lock()
        tx.city.put([Unit(id=name, name=name), Person(id="1", name="Budi")])
        tx.city.put([Member(person="1", unit=name)])
        tx.city.rise()
    run("roster", "export", tmp_path / "out")
    code, out, _ = run("roster", "diff", tmp_path / "out", "--replace")
    assert (code, out.splitlines()[-1][:15]) == (0, "nothing changes")


@pytest.mark.parametrize("times", [1, 9])
def test_while_an_import_looks_through_the_city_others_write(
    run, house, sheets, monkeypatch, times
):
    """And what they wrote is looked at as well: another import gave 17 to Ani meanwhile."""
    base = sheets(units="unit,name\nA,A\n", people="person,name\n1,Ani\n2,Budi\n")
    run("roster", "import", base)
    planned, interrupted = verbs.plan, []

    def plan(tx, tables, **more):
        made = planned(tx, tables, **more)
        if len(interrupted) < times:
            interrupted.append(len(interrupted))
            if len(interrupted) > 3:  # now the others wait
                return made
            with house.store.writing() as other:
                other.city.lock()
                if times == 1:
                    since = date(2026, 1, 1)
                    ani = {"person": "1", "credential": "terminal_user", "user": "17", "unit": "A"}
                    other.city.put([Known(**ani, since=since)])
                other.city.rise()
        return made

    monkeypatch.setattr(verbs, "plan", plan)
    given = sheets(credentials="person,credential,user,unit\n2,terminal_user,17,A\n")
    code, out, _ = run("roster", "import", given)
    if times == 1:
        assert (code, "would be 2's and" in out) == (1, True)
    else:
        assert (code, len(everything(house)["credentials"])) == (0, 1)


@pytest.mark.parametrize(
    ("sheet", "rows", "words"),
    [
        ("shifts", "code,start,end,window\nP,07:00,14:00,before 721\n", "before_min is 0 to 720"),
        ("shifts", "code,start,end,break_min\nP,07:00,14:00,500\n", "break_min is a part of"),
        ("shifts", "code,start,end\n*,07:00,14:00\n", "is no code"),
        ("regulations", 'late\n"31 TL2, 1 TL1"\n', "from_min must rise"),
        ("weeks", "plan,hours\nkantor,1-4 07:30-16:00 break 999\n", "break_min is a part of"),
    ],
)
def test_one_row_that_no_rule_book_takes_is_refused(run, house, sheets, sheet, rows, words):
    """Taken in, it would keep everybody in the city from being judged."""
    code, out, err = run("roster", "import", sheets(**{sheet: rows}))
    assert code == 1
    assert f"{sheet} row 2" in out + err
    assert words in out + err
    with house.store.reading() as tx:
        Book(load(tx).rules)


def test_a_duty_that_is_swapped_twice_is_to_be_looked_at(run, sheets):
    swaps = (
        "person,day,other,other_day\n"
        "1,2026-07-03,2,2026-07-08\n"
        "2,2026-07-08,1,2026-07-20\n"
    )  # fmt: skip
    code, out, err = run("roster", "import", sheets(people="person,name\n1,A\n2,B\n", swaps=swaps))
    assert code == 0
    assert "2's duty of 2026-07-08 is swapped already" in out + err
