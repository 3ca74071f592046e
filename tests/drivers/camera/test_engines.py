"""One suite for both engines: what `drivers.camera.engine` promises, whoever keeps it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stand import peers

from drivers import options
from drivers.camera import build
from drivers.camera.engine import Engine, Face, Frame, Metric, Point, Vector
from drivers.camera.gallery import Gallery
from drivers.camera.opencv import cv2, loading
from drivers.camera.weights import manifest
from drivers.errors import Misconfigured
from kiosk.faces import likeness

ENGINES = list(options.Engine)
CHILD = Path(peers.__file__).with_name("face_recognition_child.py")

_loaded: dict[options.Engine, Engine] = {}


def settings(engine: options.Engine, passive: str = "") -> options.Camera:
    return options.Camera(name="pintu", capture="folder:x", engine=engine, passive=passive)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, weights: Path) -> Engine:
    if request.param not in _loaded:
        _loaded[request.param] = build.engine(settings(request.param), weights)
    return _loaded[request.param]


@pytest.fixture
def template(engine: Engine, people: dict[str, Frame]) -> Callable[[str], Vector]:
    """Return a function that makes the template of a portrait."""

    def make(name: str) -> Vector:
        [face] = engine.detect(people[name])
        return engine.embed(people[name], face)

    return make


def score(engine: Engine, one: Vector, other: Vector) -> float:
    gallery = Gallery([("p", one.astype("<f4").tobytes())], engine.dimensions, engine.metric)
    return gallery.match(other).score


def distance(one: Point, other: Point) -> float:
    return float(np.hypot(one.x - other.x, one.y - other.y))


def points(face: Face) -> tuple[Point, ...]:
    return face.right_eye, face.left_eye, face.nose, face.right_mouth, face.left_mouth


def test_it_says_what_it_is(engine: Engine) -> None:
    assert engine.name in engine.model
    assert any(engine.model == one.model for one in manifest())
    assert 0 < engine.margin < engine.threshold < 1


@pytest.mark.parametrize("name", ["official", "speaking", "standing", "another"])
def test_it_finds_the_one_face_with_its_five_points(
    engine: Engine, people: dict[str, Frame], name: str
) -> None:
    [face] = engine.detect(people[name])
    assert 0.8 <= face.score <= 1
    for point in points(face):
        assert face.x < point.x < face.x + face.width
        assert face.y < point.y < face.y + face.height
    assert face.right_eye.x < face.left_eye.x, "the person's right is on the left of the frame"
    assert face.right_mouth.x < face.left_mouth.x
    eyes = (face.right_eye.y + face.left_eye.y) / 2
    mouth = (face.right_mouth.y + face.left_mouth.y) / 2
    assert eyes < face.nose.y < mouth


def test_the_engines_find_the_same_points(weights: Path, people: dict[str, Frame]) -> None:
    one, other = (build.engine(settings(which), weights) for which in ENGINES)
    for frame in people.values():
        [first], [second] = one.detect(frame), other.detect(frame)
        eyes = distance(first.right_eye, first.left_eye)
        assert first.width == pytest.approx(second.width, rel=0.25)
        assert first.height == pytest.approx(second.height, rel=0.25)
        for here, there in zip(points(first), points(second), strict=True):
            assert distance(here, there) < 0.3 * eyes


def test_one_person_is_one_and_two_are_two(
    engine: Engine, template: Callable[[str], Vector]
) -> None:
    official = template("official")
    assert score(engine, official, official) == pytest.approx(1, abs=1e-5)
    assert score(engine, official, template("speaking")) >= engine.threshold
    assert score(engine, official, template("standing")) >= engine.threshold
    assert score(engine, official, template("another")) < engine.threshold - 0.1


def test_a_template_has_the_promised_shape(
    engine: Engine, template: Callable[[str], Vector]
) -> None:
    vector = template("official")
    assert vector.shape == (engine.dimensions,)
    assert vector.dtype == np.float32
    if engine.metric is Metric.COSINE:
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(vector, template("official")), "the same picture, the same template"


@pytest.mark.parametrize("width", [320, 480, 640, 1280])
def test_coordinates_are_the_frames_own_at_every_resolution(
    engine: Engine, people: dict[str, Frame], width: int
) -> None:
    frame = people["official"]
    [wanted] = engine.detect(frame)
    scale = width / frame.shape[1]
    [found] = engine.detect(resized(frame, scale))
    eyes = distance(wanted.right_eye, wanted.left_eye) * scale
    for here, there in zip(points(found), points(wanted), strict=True):
        assert distance(here, Point(there.x * scale, there.y * scale)) < 0.15 * eyes


def test_the_template_is_made_at_full_resolution(
    engine: Engine, people: dict[str, Frame], template: Callable[[str], Vector]
) -> None:
    """Faces are found in 320 pixels; what is not there any more must still count."""
    frame = people["standing"]
    blurred = resized(resized(frame, 320 / frame.shape[1]), frame.shape[1] / 320)[
        : frame.shape[0], : frame.shape[1]
    ]
    [face] = engine.detect(frame)
    whole = score(engine, engine.embed(frame, face), template("official"))
    poor = score(engine, engine.embed(blurred, face), template("official"))
    assert abs(whole - poor) > 1e-3


def test_two_people_are_two_faces_the_larger_first(
    engine: Engine, people: dict[str, Frame], template: Callable[[str], Vector]
) -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    put(frame, head(engine, people["another"], 180), x=40)
    put(frame, head(engine, people["official"], 280), x=320)
    first, second = engine.detect(frame)
    assert first.width * first.height > second.width * second.height
    assert score(engine, template("official"), engine.embed(frame, first)) >= engine.threshold
    assert score(engine, template("another"), engine.embed(frame, second)) >= engine.threshold


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((2000, 8, 3), np.uint8),
        np.zeros((8, 2000, 3), np.uint8),
    ],
    ids=["black", "white", "noise", "one pixel", "a line down", "a line across"],
)
def test_where_nobody_is_nobody_is_found(engine: Engine, frame: Frame) -> None:
    assert list(engine.detect(frame)) == []


def test_a_face_at_the_edge_does_no_harm(engine: Engine, people: dict[str, Frame]) -> None:
    frame = people["official"]
    [whole] = engine.detect(frame)
    for left in range(0, int(whole.width), int(whole.width / 8)):
        view = frame[int(whole.y + whole.height / 4) :, int(whole.x) + left :]
        for face in engine.detect(view):
            assert np.isfinite(engine.embed(view, face)).all()


def test_light_changes_nobody(
    engine: Engine, people: dict[str, Frame], template: Callable[[str], Vector]
) -> None:
    for brighter in (0.5, 1.4):
        frame = np.clip(people["official"] * brighter, 0, 255).astype(np.uint8)
        [face] = engine.detect(frame)
        assert score(engine, template("official"), engine.embed(frame, face)) >= engine.threshold


@pytest.mark.parametrize("which", ENGINES)
def test_missing_weights_name_the_command(tmp_path: Path, which: options.Engine) -> None:
    with pytest.raises(Misconfigured, match=f"is not there. Run: kiosk models install {which}"):
        build.engine(settings(which), tmp_path)


@pytest.mark.parametrize("which", ENGINES)
def test_damaged_weights_are_not_loaded(
    tmp_path: Path, weights: Path, which: options.Engine
) -> None:
    files = [one.file for one in manifest() if one.engine == which]
    for file in files:
        (tmp_path / file).symlink_to(weights / file)
    (tmp_path / files[-1]).unlink()
    (tmp_path / files[-1]).write_bytes((weights / files[-1]).read_bytes()[:-1])
    with pytest.raises(Misconfigured, match="has another SHA-256 than it must"):
        build.engine(settings(which), tmp_path)


@pytest.mark.parametrize(("which", "extra"), [("sface", "camera"), ("dlib", "face-recognition")])
def test_a_missing_library_names_the_extra(which: str, extra: str) -> None:
    """A process of its own, in which OpenCV and dlib are not to be had."""
    missing = "dlib" if which == "dlib" else "cv2"
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from pathlib import Path\n"
        "from drivers import errors, options\n"
        "from drivers.camera import build\n"
        f"camera = options.Camera(name='p', capture='folder:x', engine=options.Engine({which!r}))\n"
        "try:\n    build.engine(camera, Path('x'))\n"
        "except errors.Misconfigured as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"pip install 'presensi-kiosk[{extra}]'" in done.stdout


def test_a_model_that_opencv_is_too_old_for_says_so(tmp_path: Path) -> None:
    path = tmp_path / "of-the-future.onnx"
    path.write_bytes(b"no model")
    with (
        pytest.raises(Misconfigured, match=r"OpenCV .* cannot load .*of-the-future.*pip install"),
        loading(path) as opened,
    ):
        cv2.dnn.readNetFromONNX(opened)


def test_no_passive_model_is_none(weights: Path) -> None:
    assert build.passive(settings(options.Engine.SFACE), weights) is None


def test_a_passive_model_that_is_missing_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="Run: kiosk models install antispoof"):
        build.passive(settings(options.Engine.SFACE, "antispoof"), tmp_path)


def test_a_recogniser_is_no_passive_model(weights: Path) -> None:
    with pytest.raises(Misconfigured, match="sface-2021dec is no model of passive liveness"):
        build.passive(settings(options.Engine.SFACE, "sface-2021dec"), weights)


@pytest.mark.slow
def test_dlib_makes_the_templates_that_face_recognition_makes(
    weights: Path, people: dict[str, Frame], tmp_path: Path
) -> None:
    peer = peers.Peer.FACE_RECOGNITION
    peers.install(peer)
    assert peer.installed, "face_recognition could not be installed"
    dlib = build.engine(settings(options.Engine.DLIB), weights)
    frame = people["official"]
    [face] = dlib.detect(frame)
    np.save(tmp_path / "frame.npy", np.ascontiguousarray(frame[:, :, ::-1]))
    # The square that dlib saw, from the box that the gates see.
    side = face.width / 0.92
    left, top = face.x - 0.04 * side, face.y + 0.19 * side
    box = [round(edge) for edge in (top, left + side - 1, top + side - 1, left)]
    asked = {"do": "encode", "frame": str(tmp_path / "frame.npy"), "box": box}
    done = subprocess.run(
        [str(peer.python), str(CHILD)],
        input=json.dumps(asked) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = np.array(json.loads(done.stdout)["encoding"], np.float32)
    assert np.linalg.norm(theirs - dlib.embed(frame, face)) < 1e-4


def resized(frame: Frame, scale: float) -> Frame:
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def head(engine: Engine, picture: Frame, high: int) -> Frame:
    """Return the head of a portrait, so many pixels high."""
    [face] = engine.detect(picture)
    top, left = int(face.y - 0.3 * face.height), int(face.x - 0.3 * face.width)
    bottom, right = int(face.y + 1.2 * face.height), int(face.x + 1.3 * face.width)
    cut = picture[max(0, top) : bottom, max(0, left) : right]
    return resized(cut, high / cut.shape[0])


def put(frame: Frame, picture: Frame, x: int) -> None:
    frame[100 : 100 + picture.shape[0], x : x + picture.shape[1]] = picture


def test_the_daemon_knows_how_long_a_template_is(weights: Path) -> None:
    """It has no numpy and no engine, and lets none into the vault that would blind the camera."""
    made = {
        one.value: build.engine(options.Camera(name="c", capture="folder:x", engine=one), weights)
        for one in options.Engine
    }
    assert {name: one.dimensions for name, one in made.items()} == likeness.NUMBERS
