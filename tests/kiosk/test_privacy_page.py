"""docs/PRIVACY.md, docs/KEYS.md and docs/PROTOCOL.md say what the code does about faces."""

import re
from pathlib import Path

import pytest

from kiosk.faces import backup, erasing, tombstones, unitkey, vaultfile, vaultkey
from kiosk.faces.vaultwords import Action
from kiosk.fingers import carried, slots
from kiosk.ground import Basis
from kiosk.settings import Faces, Fingers
from sync.protocol.destruction import NOT_PROMISED, PROMISED, Destruction
from sync.protocol.entry import FINGER_ENROLLED, FINGER_REMOVED
from sync.protocol.identity import Domain

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return " ".join((DOCS / name).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("action", Action)
def test_every_action_is_on_the_page(action: Action) -> None:
    assert f"`{action.value}` {{" in page("PROTOCOL.md")


@pytest.mark.parametrize("action", [FINGER_ENROLLED, FINGER_REMOVED, slots.CARRIED])
def test_every_action_about_fingers_is_on_the_page(action: str) -> None:
    assert f"`{action}` {{" in page("PROTOCOL.md")


def test_templates_of_fingers_stay_by_default_as_the_page_says() -> None:
    assert not Fingers().may_be_carried
    assert "`may_be_carried`" in page("PRIVACY.md")
    assert set(carried.Heading.__struct_fields__) >= {"kiosk", "digest", "key", "unit"}


def test_the_certificate_is_on_the_page() -> None:
    said = page("PROTOCOL.md")
    for domain in (Domain.DESTRUCTION, Domain.VAULT, Domain.FINGERS):
        assert f"`{domain.value.decode()}`" in said
    fields = re.search(r"certificate of destruction\*\* .*?\{([^}]*)\}", said)
    assert fields is not None
    assert {one.strip() for one in fields[1].split(",")} == set(Destruction.__struct_fields__)


@pytest.mark.parametrize("basis", Basis)
def test_every_legal_basis_is_explained(basis: Basis) -> None:
    assert f"`{basis.value}`" in page("PRIVACY.md")


@pytest.mark.parametrize(
    "file",
    [
        vaultfile.FILE, vaultkey.FILE, unitkey.SEALED_FILE, tombstones.FILE,
        erasing.CERTIFICATES + "/", "keep_pictures_days",
    ],
)  # fmt: skip
def test_every_place_is_named(file: str) -> None:
    assert f"`{file}" in page("PRIVACY.md")


def test_pictures_are_discarded_by_default_as_the_page_says() -> None:
    assert Faces().keep_pictures_days == 0
    assert "discarded at once" in page("PRIVACY.md")


@pytest.mark.parametrize("text", [*PROMISED, *NOT_PROMISED])
def test_the_page_promises_what_the_certificate_does(text: str) -> None:
    assert text in page("PRIVACY.md")


@pytest.mark.parametrize("key", ["vault's key", "unit key"])
def test_every_key_has_its_row(key: str) -> None:
    rows = [one for one in (DOCS / "KEYS.md").read_text("utf-8").splitlines() if one[:1] == "|"]
    assert any(row.startswith(f"| {key} |") for row in rows)


def test_a_backup_says_who_signed_it() -> None:
    assert set(backup.Heading.__struct_fields__) >= {"kiosk", "digest", "key"}
