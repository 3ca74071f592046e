"""Which face of this frame is which of the last one: by place alone. Pure; no template, no name.

A track is a place that a face keeps, and a promise of nothing: where two come near each other, or
one was out of sight, it says `doubtful`, and whoever relies on it looks at the template again.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from drivers.camera.engine import Face

REACH = 0.9
"""A face moves at most so many of its widths between two frames in sight of each other..."""

FARTHER_PER_S = 1.0
"""...and so many more for each second that it was out of sight."""

GROWS = 1.6
"""A box does not grow or shrink by more between them."""

BLINK_S = 0.3
"""A face may be unseen so long without doubt."""


class Sighting(Struct, frozen=True):
    """A face of this frame on its track.

    Attributes:
        doubtful: what the track showed before may have been somebody else.
    """

    track: int
    face: Face
    doubtful: bool


class _Track(Struct):
    number: int
    face: Face
    seen_s: float


class Tracker:
    """Follows faces over frames."""

    def __init__(self, leaves_s: float) -> None:
        """A track whose face is out of sight for longer than `leaves_s` ends."""
        self._leaves_s = leaves_s
        self._tracks: list[_Track] = []
        self._number = 0

    def see(self, faces: Sequence[Face], at_s: float) -> list[Sighting]:
        """Return the faces in their order, each with its track; the nearest pairs are kept."""
        self._tracks = [one for one in self._tracks if at_s - one.seen_s <= self._leaves_s]
        pairs = sorted(
            (distance, place, track.number)
            for place, face in enumerate(faces)
            for track in self._tracks
            if (distance := _distance(track.face, face))
            <= REACH + FARTHER_PER_S * max(0.0, at_s - track.seen_s - BLINK_S)
            and 1 / GROWS <= face.width / max(track.face.width, 1.0) <= GROWS
        )
        by_number = {track.number: track for track in self._tracks}
        found: dict[int, _Track] = {}
        for _, place, number in pairs:
            if place not in found and number in by_number:
                found[place] = by_number.pop(number)
        places = Counter(place for _, place, _ in pairs)
        rivals = Counter(number for _, _, number in pairs)
        sightings = []
        for place, face in enumerate(faces):
            track = found.get(place)
            if track is None:
                self._number += 1
                track = _Track(self._number, face, at_s)
                self._tracks.append(track)
            contested = places[place] > 1 or rivals[track.number] > 1
            doubtful = contested or at_s - track.seen_s > BLINK_S
            track.face, track.seen_s = face, at_s
            sightings.append(Sighting(track.number, face, doubtful))
        return sightings


def _distance(one: Face, other: Face) -> float:
    """Return how far two boxes' middles are apart, in widths of the larger."""
    across = (one.x + one.width / 2) - (other.x + other.width / 2)
    down = (one.y + one.height / 2) - (other.y + other.height / 2)
    return float((across**2 + down**2) ** 0.5) / max(one.width, other.width, 1.0)
