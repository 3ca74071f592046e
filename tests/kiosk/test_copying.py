"""The plan of copying people: what is written, what is told, what is left alone."""

from msgspec import structs

from drivers.store import Known, Privilege, Secret, Template, TerminalUser
from kiosk.copying import Held, plan

ANI = TerminalUser(user="1001", name="Ani Astuti", card=5, password=Secret(b"12"))
BUDI = TerminalUser(user="1002", name="Budi Santoso", privilege=Privilege.ADMIN)
RING = Template(user="1001", finger=3, octets=Secret(b"ring"))


def here(*users: TerminalUser, fingers: tuple[Template, ...] = (), form: str = "10") -> Held:
    return Held(users, fingers, form)


def test_somebody_new_comes_with_all_but_menu_rights() -> None:
    made = plan(here(ANI, BUDI, fingers=(RING,)), here())
    plain = structs.replace(BUDI, privilege=Privilege.USER)
    assert made.write == (Known(user=ANI, fingers=(RING,)), Known(user=plain))
    assert made.lines == (
        "new       1001 Ani Astuti: card, keypad password, finger 3 added",
        "new       1002 Budi Santoso: no finger",
        "rights    1002 Budi Santoso is admin there: not copied",
    )
    assert made.sample == "1001, 1002"


def test_what_is_the_same_is_not_written() -> None:
    made = plan(here(ANI, fingers=(RING,)), here(ANI, fingers=(RING,)))
    assert (made.write, made.lines) == ((), ())


def test_a_name_that_the_other_terminal_has_cut_is_the_same() -> None:
    cut = structs.replace(ANI, name="Ani Astu")
    assert plan(here(ANI), here(cut)).write == ()
    assert plan(here(cut), here(ANI)).write == ()


def test_who_is_known_keeps_rights_and_gets_what_is_missing() -> None:
    there = TerminalUser(user="1001", name="ani astuti", privilege=Privilege.MANAGER, card=9)
    other = structs.replace(RING, octets=Secret(b"older"))
    made = plan(here(ANI, fingers=(RING,)), here(there, fingers=(other,)))
    after = structs.replace(there, card=5, password=Secret(b"12"))
    assert made.write == (Known(user=after, fingers=(RING,)),)
    [line] = made.lines
    assert line == (
        "changed   1001 ani astuti: another card, another keypad password, finger 3 replaced"
    )


def test_nothing_is_taken_away_where_the_first_terminal_has_less() -> None:
    bare = TerminalUser(user="1001", name="Ani Astuti")
    assert plan(here(bare), here(ANI, BUDI, fingers=(RING,))).write == ()


def test_another_name_is_another_person() -> None:
    other = structs.replace(ANI, name="Citra Dewi")
    made = plan(here(ANI, fingers=(RING,)), here(other))
    assert made.write == ()
    [line] = made.lines
    assert line.startswith("CONFLICT  1001 is 'Ani Astuti' here and 'Citra Dewi' there")


def test_fingers_go_only_where_the_sensor_speaks_the_same() -> None:
    made = plan(here(ANI, fingers=(RING,), form="9"), here(form="10"))
    assert made.write == (Known(user=ANI),)
    assert "1 not copied, the sensors speak 9 and 10" in made.lines[0]
    untold = plan(here(ANI, fingers=(RING,), form=""), here(form="10"))
    assert untold.write == (Known(user=ANI, fingers=(RING,)),)


def test_only_those_who_were_asked_for() -> None:
    made = plan(here(ANI, BUDI), here(), ["1001", "7"])
    assert [known.user for known in made.write] == [ANI]
    assert made.unknown == ("7",)


def test_the_token_stands_for_exactly_these_changes() -> None:
    first = plan(here(ANI, fingers=(RING,)), here())
    assert first.token(b"k") == plan(here(ANI, fingers=(RING,)), here()).token(b"k")
    other = structs.replace(RING, octets=Secret(b"gnir"))
    assert first.token(b"k") != plan(here(ANI, fingers=(other,)), here()).token(b"k")
    assert first.token(b"k") != plan(here(structs.replace(ANI, card=6)), here()).token(b"k")


def test_without_its_key_the_token_tells_no_password() -> None:
    """It is shown and recorded, and a keypad password is a few digits: soon tried through."""
    made = plan(here(ANI), here())
    assert made.token(b"one daemon's") != made.token(b"another's")


def test_no_line_shows_a_secret() -> None:
    made = plan(here(ANI, fingers=(RING,)), here())
    assert "12" not in "".join(made.lines).replace("1001", "")
    assert "ring" not in f"{made}"
