"""How people are known at this kiosk, put together: by face, by finger, by a code, by a PIN.

A part of the composition root (`app.py`): it makes objects and hands them on, and does nothing
else. In two steps, because sources are made in between: they need to know whom they may name, and
whoever enrols somebody needs the sources.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from drivers.camera.source import Parts
from drivers.camera.visits import Ask
from drivers.options import Camera, FingerModule, KeepsUsers, SourceOptions
from drivers.possession import ReaderParts
from drivers.prompt import Prompt
from drivers.registry import Around
from kiosk.cameras import Cameras
from kiosk.clock import TrustedClock
from kiosk.codes import FILE as CARDS
from kiosk.codes import Codes
from kiosk.collect import Collector
from kiosk.enlisting import Enlisting
from kiosk.faces import tombstones
from kiosk.faces.enrolment import Faces
from kiosk.faces.erasing import Erasing, Signer
from kiosk.faces.keep import FaceKeep
from kiosk.faces.telling import Telling
from kiosk.faces.vault import Vault
from kiosk.fingers.carrying import Carrying
from kiosk.fingers.enrolment import Fingers
from kiosk.fingers.modules import Modules
from kiosk.fingers.slots import SlotMap
from kiosk.here import Here
from kiosk.local import Local
from kiosk.media import House
from kiosk.pins import FILE as PINS
from kiosk.pins import Pins
from kiosk.possession import Judging
from kiosk.prompts import Prompted
from sync.edge.roster import Rosters
from sync.edge.session import Self

if TYPE_CHECKING:
    from drivers.zkteco.push.listener import Listener

ASK_STAYS_S = 2.5
"""What somebody before a source is asked for is told anew while they stand there; so it goes soon
after they have."""

CarriesOut = Mapping[str, Callable[[Mapping[str, str]], str]]


class Knowing:
    """Who is known, and how.

    Attributes:
        around: what sources need of it.
    """

    def __init__(
        self,
        house: House,
        me: Self,
        clock: TrustedClock,
        rosters: Rosters,
        here: Here,
        local: Local,
        listener: "Listener | None",
    ) -> None:
        """Raises JournalError."""
        place = house.place
        self._house, self._clock, self._rosters, self._here = house, clock, rosters, here
        self._local = local
        self._vault = Vault(place.data)  # opened by its worker; until then nobody is known by face
        self._slots = SlotMap(here, rosters, self._today)
        self._pins = Pins([one / PINS for one in place.media], here)
        self._pins.bring_along()
        self._codes = Codes(me.central, clock.belief, [one / CARDS for one in place.media])
        self.around = Around(
            listener=listener,
            cameras=Parts(
                gallery=self._vault, weights=place.models, base=place.file.parent, tell=self._asked
            ),
            slots=self._slots,
            readers=ReaderParts(place.settings.kiosk, Judging(self._codes, self._pins), self._tell),
            tell=self._tell,
        )

    def attend(
        self,
        collectors: Mapping[str, Collector],
        terminals: Mapping[str, KeepsUsers],
        sources: Sequence[SourceOptions],
        enlisting: Enlisting,
    ) -> tuple[FaceKeep, CarriesOut]:
        """Return the vault's worker, and what clients may ask for, by name."""
        house, place, settings = self._house, self._house.place, self._house.place.settings
        vault, rosters, here, tell = self._vault, self._rosters, self._here, self._local.tell
        cameras = [one.name for one in sources if isinstance(one, Camera)]
        modules = Modules(
            collectors, [one.name for one in sources if isinstance(one, FingerModule)]
        )
        telling = Telling(vault, here)
        faces = Faces(
            *(vault, collectors, cameras, rosters, here, telling, tell),
            settings.faces.keep_pictures_days,
            house.failed,
        )
        fingers = Fingers(self._slots, modules, rosters, tell)
        self._local.attended = fingers.attended
        carrying = Carrying(
            *(modules, self._slots, rosters, here.record, lambda: self._clock.stamp().wall),
            *(settings.kiosk, house.key, vault.tombstones),
            allowed=settings.fingers.may_be_carried,
        )
        erasing = Erasing(
            *(vault, collectors, terminals, rosters, enlisting, here, telling),
            Signer(settings.kiosk, house.key, place.data, place.mirror),
            self._today,
            house.failed,
            [fingers, self._pins, self._codes],
        )

        def elsewhere() -> dict[str, dict[str, int]]:
            kept = {} if place.mirror is None else tombstones.kept_on(place.mirror, settings.kiosk)
            journals = house.epochs.journals if telling.is_new() else []
            entered = tombstones.entered([one.reader for one in journals])
            return {"second medium": kept, "journal": entered}

        return FaceKeep(vault, erasing, telling, elsewhere, self._trusted_ms), {
            **faces.carries_out,
            **fingers.carries_out,
            **carrying.carries_out,
            **self._pins.carries_out,
            **Cameras(collectors, lambda: cameras).carries_out,
            **erasing.carries_out,
        }

    def _today(self) -> date:
        return self._clock.now().astimezone().date()

    def _trusted_ms(self) -> int | None:
        is_trusted = self._clock.belief().may_show_lateness
        return self._clock.stamp().wall if is_trusted else None

    def _asked(self, source: str, what: Ask) -> None:
        name = self._rosters.current.name(what.person) if what.person else ""
        self._local.tell(Prompted(source, what.what, what.step, what.of, name, ASK_STAYS_S))

    def _tell(self, source: str, what: Prompt) -> None:
        self._local.tell(Prompted(source, what, stays_s=ASK_STAYS_S))
