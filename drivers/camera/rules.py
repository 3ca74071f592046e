"""What a site asks of a face before it is named: the settings, with the engine's own bounds."""

from typing import Final

from msgspec import Struct, structs

from drivers.camera.engine import Engine, Metric, Passive
from drivers.camera.gates import Limits
from drivers.errors import Misconfigured
from drivers.options import Camera, Liveness

SAME: Final = {Metric.COSINE: 0.30, Metric.EUCLIDEAN: 0.40}
"""Below it, what a track shows is somebody else than before. SFace, over 2,603 pictures of the
press: 0.8 % of two different people are nearer; of one person's, straight against turned by 0.30
and more on another day, 1.5 % are farther. Within one visit nobody was below 0.42. dlib: its own
bound for one person, a distance of 0.6."""


class Rules(Struct, frozen=True, kw_only=True):
    """When somebody is named. Scores are the engine's; times are of one clock that does not jump.

    Attributes:
        threshold, margin: least score, and least distance to the next person.
        frames: so many must agree, at least.
        same: least likeness of two frames of one person, whatever their pose.
        spacing_s: two frames that are nearer in time count as one.
        patience_frames, patience_s: before nobody is named, so much was looked at.
        leaves_s: whoever is out of sight for longer has left.
        recheck_s: how often it is looked whether a track still shows the same person.
        passive_frames: so many passive scores make a median.
        passive_wait_s: how long a visit waits for them.
    """

    metric: Metric = Metric.COSINE
    threshold: float = 0.50
    margin: float = 0.05
    frames: int = 2
    same: float = 0.30
    liveness: Liveness = Liveness.CHALLENGE
    passive_threshold: float = 0.5
    limits: Limits = Limits()
    spacing_s: float = 0.15
    patience_frames: int = 6
    patience_s: float = 2.0
    leaves_s: float = 1.5
    recheck_s: float = 1.0
    passive_frames: int = 3
    passive_wait_s: float = 1.0

    @classmethod
    def of(cls, options: Camera, engine: Engine, passive: Passive | None = None) -> "Rules":
        """Return the rules of a site.

        Raises Misconfigured where "refuse" has no model to refuse by.
        """
        if options.liveness is Liveness.REFUSE and passive is None:
            raise Misconfigured(
                f'source {options.name}: liveness = "refuse" without a passive model',
                hint="name one of config/models.toml under `passive`, or choose challenge",
            )
        return cls(
            metric=engine.metric,
            threshold=engine.threshold if options.threshold is None else options.threshold,
            margin=engine.margin if options.margin is None else options.margin,
            frames=options.frames,
            same=SAME[engine.metric],
            liveness=options.liveness,
            passive_threshold=passive.threshold if passive else 0.0,
            limits=structs.replace(Limits(), eye_distance_px=options.eye_distance_px),
        )
