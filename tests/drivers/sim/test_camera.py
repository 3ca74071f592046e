"""The simulated camera: what stands out of a turned head moves farther; it serves MJPEG."""

import http.client

import cv2
import numpy as np
import pytest

from drivers.sim.camera import (
    AWAY_S,
    COMES_S,
    HEIGHT,
    STAYS_S,
    TURNED_S,
    WIDTH,
    Head,
    Picture,
    Scene,
    Side,
    SimulatedCamera,
    load,
    turned,
)

HEAD = Head(200.0, 180.0, 60.0)
NOSE = (200, 216)
EYES = ((170, 180), (230, 180))


def marked(*places: tuple[int, int]) -> Picture:
    picture = np.zeros((400, 400, 3), np.uint8)
    for place in places:
        cv2.circle(picture, place, 4, (255, 255, 255), -1)
    return picture


def moved(place: tuple[int, int], degrees: float) -> float:
    """Return how far to the right a mark goes when the head turns, pixels."""
    seen = turned(marked(place), HEAD, degrees)[:, :, 0]
    return float(np.average(np.arange(400), weights=seen.sum(0))) - place[0]


@pytest.mark.parametrize("degrees", [10.0, 20.0, 30.0])
def test_a_nose_moves_farther_than_the_eyes(degrees: float) -> None:
    assert moved(NOSE, degrees) > max(moved(eye, degrees) for eye in EYES) + degrees / 5
    assert moved(NOSE, -degrees) == pytest.approx(-moved(NOSE, degrees), abs=1.5)


def test_eyes_come_nearer_to_each_other() -> None:
    right, left = (moved(eye, 42.0) for eye in EYES)
    assert left - right < -5


def test_what_is_not_the_head_stays_where_it_is() -> None:
    assert moved((200, 390), 42.0) == pytest.approx(0.0, abs=0.5)


def differs(scene: Scene, now_s: float, room: Picture) -> float:
    return float(np.abs(scene.frame(now_s).astype(int) - room).mean())


def test_somebody_comes_stays_leaves_and_the_next_one_comes() -> None:
    empty = Scene([]).frame(0.0).astype(int)
    scene = Scene([(np.zeros((300, 300, 3), np.uint8), Head(150.0, 100.0, 40.0))])
    assert differs(scene, 0.0, empty) < 10, "stepping in"
    assert differs(scene, COMES_S + 1, empty) > 20
    assert differs(scene, COMES_S + STAYS_S - 0.1, empty) > 20
    gone_s = STAYS_S + 2 * COMES_S + 0.1
    assert differs(scene, gone_s, empty) < 10
    assert differs(scene, gone_s + AWAY_S, empty) < 10, "stepping in"
    assert differs(scene, gone_s + AWAY_S + COMES_S, empty) > 20


def test_a_head_turns_when_told_and_back_by_itself() -> None:
    picture = marked(NOSE)
    scene = Scene([(picture, HEAD)])
    scene.frame(0.0)

    def nose_x(now_s: float) -> float:
        seen = scene.frame(now_s)[:, :, 0].astype(float)
        rows = seen[:300, 200:440] > 210
        return float(np.average(np.arange(240), weights=rows.sum(0) + 1e-9))

    straight = nose_x(2.0)
    scene.tell(Side.LEFT, 2.0)
    assert nose_x(2.0 + TURNED_S - 0.1) > straight + 10
    assert nose_x(2.0 + 2 * TURNED_S) == pytest.approx(straight, abs=6)


def test_it_is_served_as_network_cameras_do() -> None:
    with SimulatedCamera(Scene([])) as camera:
        asking = http.client.HTTPConnection("127.0.0.1", camera.port, timeout=5)
        asking.request("GET", "/")
        answer = asking.getresponse()
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        assert answer.readline() == b"--frame\r\n"
        answer.readline()
        length = int(answer.readline().rpartition(b" ")[2])
        answer.readline()
        frame = cv2.imdecode(np.frombuffer(answer.read(length), np.uint8), cv2.IMREAD_COLOR)
        assert frame is not None
        assert frame.shape == (HEIGHT, WIDTH, 3)
        asking.close()


def test_what_is_no_picture_is_said(tmp_path: object) -> None:
    with pytest.raises(OSError, match="no picture that can be read"):
        load(f"{tmp_path}/none.jpg")
