"""`kiosk camera` and `kiosk doctor`: what is measured of a gallery, and what to do about it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec import structs

from drivers.errors import TimedOut
from drivers.faces import Calibration
from kiosk.cameras import Cameras
from kiosk.cli import main
from kiosk.cli.camera import devices, page
from kiosk.cli.exits import Exit
from kiosk.loans import NotLent
from kiosk.local import CannotDo, Local
from sync.protocol.identity import PrivateKey
from tests.kiosk.served import serving
from tests.kiosk.test_commands import SETTINGS
from tests.kiosk.test_local import STATUS

T = TypeVar("T")

MEASURED = Calibration(
    model="sface:0ba9fbfa01b5",
    people=55,
    pairs=1485,
    quantiles={"50 %": 0.1, "99.9 %": 0.44},
    nearest=("p1", "p2", 0.47),
    expected_daily=0.021,
    visits=50,
    threshold=0.5,
    margin=0.05,
    recommended_threshold=0.53,
    recommended_margin=0.05,
    genuine_lowest=0.61,
)
OUTGROWN = "The gallery has outgrown its threshold: set threshold = 0.53 and restart"


class FakeCamera:
    """Knows faces; `calibrate` says how often it was asked, and for how many."""

    def __init__(self) -> None:
        self.measured = MEASURED
        self.failure: Exception | None = None

    def model(self) -> str:
        return "sface:0ba9fbfa01b5"

    def enrol(self, ask: object, within_s: float) -> None:
        raise AssertionError

    def calibrate(self, visits: int) -> Calibration:
        if self.failure is not None:
            raise self.failure
        return structs.replace(self.measured, visits=visits)


class FakeCollector:
    def __init__(self, source: object) -> None:
        self.source = source

    def borrow(self, do: Callable[[object], T], within_s: float) -> T:
        return do(self.source)


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


def cameras(*names: str, camera: object) -> Cameras:
    collectors = {name: FakeCollector(camera) for name in names}
    return Cameras(collectors, lambda: list(names))  # type: ignore[arg-type]


def test_the_only_camera_needs_no_name(camera: FakeCamera) -> None:
    said = cameras("pintu", camera=camera).calibrate({"visits": "400"})
    assert json.loads(said)["visits"] == 400


@pytest.mark.parametrize(
    ("names", "said", "why"),
    [
        ((), {}, "no camera is configured here"),
        (("pintu", "lobi"), {}, "which camera\\? There are: pintu, lobi"),
        (("pintu", "lobi"), {"source": "atap"}, "which camera"),
        (("pintu",), {"visits": "many"}, "'many' is no number"),
        (("pintu",), {"visits": "0"}, "are 1 to 1000000"),
        (("pintu",), {"visits": "1" + "0" * 30}, "are 1 to 1000000"),  # more than travels
    ],
)
def test_what_cannot_be_measured_is_said(
    camera: FakeCamera, names: tuple[str, ...], said: dict[str, str], why: str
) -> None:
    with pytest.raises(CannotDo, match=why):
        cameras(*names, camera=camera).calibrate(said)


@pytest.mark.parametrize("failure", [NotLent("it went away"), TimedOut("it is silent")])
def test_a_camera_that_does_not_answer_is_said(camera: FakeCamera, failure: Exception) -> None:
    camera.failure = failure
    with pytest.raises(CannotDo, match=str(failure)):
        cameras("pintu", camera=camera).calibrate({})


def test_a_terminal_is_no_camera() -> None:
    with pytest.raises(CannotDo, match="knows nobody by their face"):
        cameras("pintu", camera=object()).calibrate({})


class Daemon:
    """Its end of the socket, with one camera."""

    def __init__(self, home: Path, camera: FakeCamera) -> None:
        self.config = home / "kiosk.toml"
        first, _, rest = SETTINGS.partition("[[sources]]")
        self.config.write_text(
            f'{first}[[sources]]\nkind = "camera"\nname = "pintu"\ncapture = "folder:p"\n'
            f"[[sources]]{rest}"
        )
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        (home / "data").mkdir()
        self.local = Local(home / "data" / "kiosk.sock")
        self.local.status = lambda: STATUS
        self.local.carry_out = cameras("pintu", camera=camera).carries_out


@pytest.fixture
def daemon(tmp_path: Path, camera: FakeCamera) -> Iterator[Daemon]:
    one = Daemon(tmp_path, camera)
    with serving(one.local):
        yield one


def test_it_is_shown_for_people(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "calibrate", "--config", str(daemon.config)]) == Exit.OK
    said = capsys.readouterr().out
    assert "55 people, 1485 comparisons of two" in said
    assert "99.9 % of them below  0.440" in said
    assert "p1 and p2, 0.470: one person, or relatives?" in said
    assert "of 50 strangers a day 0.021 are taken for somebody" in said
    assert "recommended  threshold 0.530" in said


def test_a_gallery_that_has_outgrown_its_threshold_is_found(
    daemon: Daemon, camera: FakeCamera, capsys: pytest.CaptureFixture[str]
) -> None:
    camera.measured = structs.replace(MEASURED, outgrown=OUTGROWN)
    config = ["--config", str(daemon.config)]
    assert main(["camera", "calibrate", "pintu", *config]) == Exit.FAILED
    assert OUTGROWN in capsys.readouterr().out
    assert main(["doctor", *config]) == Exit.FAILED
    said = capsys.readouterr().out
    assert "LOOK  Kamera pintu: wajah: 55 orang\n" in said
    assert f"        Ambang: 0.500, jarak 0.050\n      > {OUTGROWN}\n" in said
    assert "kiosk models install sface" in said


def test_the_doctor_speaks_to_programs_too(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", "--json", "--config", str(daemon.config)])
    titles = [one["title"] for one in json.loads(capsys.readouterr().out)]
    assert titles[0] == "Jam"
    cameras = [one for one in titles if one.startswith("Kamera")]
    assert cameras == ["Kamera pintu: model", "Kamera pintu: wajah"]
    assert "Kartu: ruang" in titles


def test_without_a_daemon_the_doctor_goes_on(
    tmp_path: Path, camera: FakeCamera, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Daemon(tmp_path, camera)
    assert main(["doctor", "--config", str(one.config)]) == Exit.FAILED
    said = capsys.readouterr().out
    assert "BAD   Daemon: tidak ada" in said
    assert "no kiosk daemon answers there" in said
    assert "BAD   Kamera pintu: model: sface" in said


def test_the_doctor_says_a_model_that_there_is_not(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = 'capture = "folder:p"\n'
    text = daemon.config.read_text()
    daemon.config.write_text(text.replace(camera, f'{camera}passive = "antispof"\n'))
    assert main(["doctor", "--config", str(daemon.config)]) == Exit.FAILED
    assert "      > there are no weights 'antispof'. there are: " in capsys.readouterr().out


def test_the_doctor_says_models_that_it_may_not_read(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    models = daemon.config.parent / "data" / "models"
    models.mkdir()
    (models / "face_detection_yunet_2023mar.onnx").mkdir()  # root may read any file
    assert main(["doctor", "--config", str(daemon.config)]) == Exit.FAILED
    said = capsys.readouterr().out
    assert f"      > {models / 'face_detection_yunet_2023mar.onnx'}: Is a directory" in said


def test_settings_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    assert main(["doctor", "--config", str(tmp_path / "none.toml")]) == Exit.SETTINGS


def test_devices_are_named_so_that_the_name_stays(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    assert devices(tmp_path) == [tmp_path / "video0"]
    by_id = tmp_path / "v4l" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("usb-Logitech_C270-video-index0", "usb-Logitech_C270-video-index1"):
        (by_id / name).touch()
    assert devices(tmp_path) == [by_id / "usb-Logitech_C270-video-index0"]


def test_coders_of_a_raspberry_pi_are_no_cameras(tmp_path: Path) -> None:
    told = tmp_path / "told"
    for device, name in (("video10", "bcm2835-codec-decode"), ("video2", "HD Webcam C270")):
        (tmp_path / device).touch()
        (told / device).mkdir(parents=True)
        (told / device / "name").write_text(f"{name}\n")
    assert devices(tmp_path, told) == [tmp_path / "video2"]
    (tmp_path / "video2").unlink()
    assert not devices(tmp_path, told)


def test_few_people_say_nothing_about_strangers() -> None:
    few = structs.replace(MEASURED, people=1, pairs=0, nearest=None, expected_daily=1.5e-136)
    told = page(few)
    assert "recommended  nothing yet" in told
    assert "e-136" not in told


@pytest.mark.parametrize("visits", ["0", "-4", "many"])
def test_strangers_a_day_are_counted_from_one(
    visits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["camera", "calibrate", "--visits", visits])
    assert ended.value.code == Exit.USAGE
    assert "--visits" in capsys.readouterr().err
