"""`kiosk enrol face --from`, with the real engine and pictures of one man and another."""

from pathlib import Path

import pytest
from stand.models import models
from stand.portraits import portraits

from drivers.faces import Enrolled
from kiosk.cli.enrol_files import from_files
from kiosk.cli.exits import Exit, Refused
from kiosk.faces import likeness
from kiosk.faces.enrolment import _check
from kiosk.settings import Place, load
from sync.protocol.identity import PrivateKey

OF_HIM = ("official", "speaking", "standing")


def place_of(home: Path, faces: str = "", camera: str = "") -> Place:
    (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    (home / "data").mkdir(exist_ok=True)
    if not (home / "data" / "models").exists():
        (home / "data" / "models").symlink_to(models("sface"))
    settings = home / "kiosk.toml"
    settings.write_text(
        f'kiosk = "k1"\ndata = "data"\ncentral = ["central.pem"]\n{faces}\n'
        '[line]\nhost = "127.0.0.1"\nport = 1\n'
        f'[[sources]]\nkind = "camera"\nname = "pintu"\ncapture = "folder:faces"\n{camera}\n'
    )
    return load(settings)


def pictures(*names: str) -> list[Path]:
    return [portraits()[name] for name in names]


def templates(enrolled: Enrolled) -> list[bytes]:
    return [shot.template.octets for shot in enrolled.shots]


def test_three_pictures_of_one_man_make_him_known(tmp_path: Path) -> None:
    enrolled = from_files(place_of(tmp_path), "", pictures(*OF_HIM))
    assert enrolled.model.startswith("sface:")
    assert len(enrolled.shots) == 3
    _check(enrolled)  # the daemon takes them
    assert all(not shot.picture for shot in enrolled.shots)
    rows = [("him", one) for one in templates(enrolled)]
    [alike] = likeness.alike(enrolled.model, templates(enrolled), rows, "somebody else")
    assert alike.score == pytest.approx(1.0, abs=1e-3)


def test_pictures_are_kept_where_the_rules_keep_them(tmp_path: Path) -> None:
    place = place_of(tmp_path, "[faces]\nkeep_pictures_days = 30")
    enrolled = from_files(place, "pintu", pictures(*OF_HIM))
    assert all(shot.picture.octets.startswith(b"\xff\xd8") for shot in enrolled.shots)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("official", "speaking"), "2 pictures, expected at least 3"),
        (("official", "speaking", "another"), "two people"),
        (("official", "official", "speaking"), "too alike"),
    ],
)
def test_pictures_that_make_nobody_known_are_said(
    tmp_path: Path, names: tuple[str, ...], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        from_files(place_of(tmp_path), "", pictures(*names))


def test_the_cameras_own_rules_are_asked_of_them(tmp_path: Path) -> None:
    place = place_of(tmp_path, camera="eye_distance_px = 900.0")
    with pytest.raises(Refused, match="900 pixels between the eyes"):
        from_files(place, "", pictures(*OF_HIM))


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    note = tmp_path / "note.jpg"
    for content in (None, b"", b"no picture"):
        if content is not None:
            note.write_bytes(content)
        said = r"no picture .*note\.jpg|note\.jpg: not a picture"
        with pytest.raises(Refused, match=said) as refused:
            from_files(place_of(tmp_path), "", [note])
        assert refused.value.code is Exit.UNAVAILABLE


def test_missing_weights_are_said_with_the_way_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "data" / "models").mkdir(parents=True)
    with pytest.raises(Refused, match="kiosk models install"):
        from_files(place_of(tmp_path), "", pictures(*OF_HIM))
