"""Faces over frames."""

from heads import Head, face_of

from drivers.camera.track import Tracker


def test_a_face_that_walks_keeps_its_track() -> None:
    tracker = Tracker(1.5)
    seen = [tracker.see([face_of(Head(x=100 + 40 * step))], step / 10)[0] for step in range(10)]
    assert {one.track for one in seen} == {1}
    assert not any(one.doubtful for one in seen)


def test_two_at_once_have_two_tracks_in_the_order_of_the_faces() -> None:
    tracker = Tracker(1.5)
    left, right = face_of(Head(x=120)), face_of(Head(x=520))
    one, two = tracker.see([left, right], 0.0)
    swapped = tracker.see([right, left], 0.1)
    assert [sighting.track for sighting in swapped] == [two.track, one.track]


def test_a_short_occlusion_keeps_the_track_and_doubts_it() -> None:
    tracker = Tracker(1.5)
    [before] = tracker.see([face_of(Head())], 0.0)
    tracker.see([], 0.1)
    [after] = tracker.see([face_of(Head(x=330))], 0.9)
    assert after.track == before.track
    assert after.doubtful


def test_who_was_away_for_longer_is_somebody_new() -> None:
    tracker = Tracker(1.5)
    [before] = tracker.see([face_of(Head())], 0.0)
    [after] = tracker.see([face_of(Head())], 1.6)
    assert after.track != before.track


def test_where_two_cross_both_are_doubted() -> None:
    tracker = Tracker(1.5)
    doubted = False
    for step in range(20):
        faces = [face_of(Head(x=100 + 22 * step)), face_of(Head(x=520 - 22 * step, y=215))]
        sightings = tracker.see(faces, step / 10)
        doubted = doubted or all(one.doubtful for one in sightings)
        assert len({one.track for one in sightings}) == 2
    assert doubted


def test_a_face_of_another_size_at_the_same_place_is_another() -> None:
    tracker = Tracker(1.5)
    [near] = tracker.see([face_of(Head(eyes_px=100))], 0.0)
    [far] = tracker.see([face_of(Head(eyes_px=45))], 0.1)
    assert far.track != near.track


def test_who_comes_near_a_face_that_was_there_has_a_track_and_both_are_doubted() -> None:
    tracker = Tracker(1.5)
    [before] = tracker.see([face_of(Head())], 0.0)
    one, other = tracker.see([face_of(Head()), face_of(Head(x=420))], 0.1)
    assert one.track == before.track != other.track
    assert one.doubtful
