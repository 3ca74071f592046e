"""Making somebody known by face: the daemon's end of `kiosk enrol`.

    the roster knows them, and the notice and its legal basis are said    else nothing is begun
    a camera takes the pictures, or the client brings templates           borrowed from its worker
    nobody else in the vault looks like them                              or a human has looked
    the vault keeps the templates and the words about it, in one commit
    the journal is told                                                   `telling.py`

Each method that a client may name takes what it said, returns what is done, and raises CannotDo. No
text here, no entry and no log has a byte of a template in it.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from drivers.base import Source
from drivers.errors import SourceError
from drivers.faces import Enrolled, KnowsFaces
from drivers.prompt import Prompt
from kiosk.collect import Collector
from kiosk.devices import LOOK_S, actor_of
from kiosk.faces import likeness
from kiosk.faces.telling import Here, Telling
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultwords import About, Action, Tell
from kiosk.ground import ground_of
from kiosk.loans import NotLent
from kiosk.local import CannotDo
from kiosk.prompts import Prompted
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError

log = logging.getLogger(__name__)

ENROL_S: Final = 60.0
"""So long somebody may take in front of the camera."""

SHOTS_LEAST: Final = 3
DAY_MS: Final = 86_400_000


class Listed(Struct, frozen=True, kw_only=True):
    """Somebody who is enrolled, as a technician may see it.

    Attributes:
        again: they have to be enrolled again: no camera here uses their model. None where no
            camera says which one it uses.
        in_roster: whether they belong here; who does not is to be forgotten.
        damaged: a template of theirs cannot be read.
    """

    person: str
    name: str
    model: str
    templates: int
    pictures: int
    notice: str
    basis: str
    by: str
    at: int
    again: bool | None
    in_roster: bool
    damaged: bool = False


class Listing(Struct, frozen=True):
    """Who is enrolled; `models` says which one each camera uses, "" where it does not say."""

    models: dict[str, str]
    people: list[Listed]


class Faces:
    """Who is known by face at one kiosk. Any thread may ask.

    `cameras` are the names of sources that may know faces; `tell` shows a prompt.
    """

    def __init__(
        self,
        vault: Vault,
        collectors: Mapping[str, Collector],
        cameras: Collection[str],
        rosters: Rosters,
        here: Here,
        telling: Telling,
        tell: Callable[[Prompted], None],
        keep_pictures_days: int = 0,
        failed: str = "",
    ) -> None:
        """`failed` says why the first medium is not in use, where the vault is; "" while it is."""
        self._vault = vault
        self._collectors = collectors
        self._cameras = cameras
        self._rosters = rosters
        self._here = here
        self._telling = telling
        self._tell = tell
        self._failed = failed
        self._keeping = threading.Lock()
        self._keep_ms = keep_pictures_days * DAY_MS

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"enrol face": self.enrol, "faces": self.list, "prune faces": self.prune}

    # Enrolment.

    def enrol(self, said: Mapping[str, str]) -> str:
        """Make `person` known by face.

        Said: `by`, `notice`, `basis`, perhaps `reference`; `source`, which camera, or `enrolled`,
        templates as JSON of an `Enrolled`; `although`, people whom they resemble and are not.
        """
        by, person = actor_of(said), said.get("person", "").strip()
        ground = ground_of(said)
        name = self._rosters.current.names().get(person)
        if name is None:
            raise CannotDo(
                f"the roster knows no person {person!r}, so nobody could say whose punch it is, "
                "or when to forget the face: enter them at central first"
            )
        self._readable()
        source = said.get("source", "")
        enrolled = _brought(said["enrolled"]) if said.get("enrolled") else None
        if enrolled is None:
            source = self._camera(source)
            enrolled = self._taken(source, name)
        else:
            self._fits(enrolled.model)
        although = _listed(said, "although")
        try:
            with self._keeping:  # of two at once neither would see the other as a duplicate
                return self._keep(person, name, enrolled, ground, by, source, although)
        except CannotDo:
            if source:
                self._tell(Prompted(source, Prompt.FAILED, name=name))
            raise

    def _keep(
        self,
        person: str,
        name: str,
        enrolled: Enrolled,
        ground: Mapping[str, str],
        by: str,
        source: str,
        although: Collection[str],
    ) -> str:
        _check(enrolled)
        resembled = self._resembled(person, enrolled, although)
        now = self._here.stamp().wall
        until = now + self._keep_ms if self._keep_ms else 0
        about = About(
            **ground,
            by=by,
            at=now,
            quality=tuple(round(shot.quality, 3) for shot in enrolled.shots),
            yaw=tuple(round(shot.yaw, 3) for shot in enrolled.shots),
            although=resembled,
        )
        pictures = sum(bool(shot.picture) for shot in enrolled.shots) if until else 0
        detail = {
            "person": person,
            "model": enrolled.model,
            "shots": f"{len(enrolled.shots)}",
            **ground,
            "from": source or "files",
            "although": ", ".join(resembled),
            "pictures": f"{pictures}" if pictures else "",
        }
        tell = Tell(by, Action.ENROLLED, {key: text for key, text in detail.items() if text})
        try:
            self._vault.put(person, enrolled, about, tell, until)
        except VaultError as why:
            raise CannotDo(str(why)) from why
        if source:
            self._tell(Prompted(source, Prompt.DONE, name=name))
        taken = f"from {len(enrolled.shots)} pictures: {enrolled.model}"
        return f"{person} {name} is known by face, {taken}{self._told()}"

    def _told(self) -> str:
        """Tell the journal now; return what is to be said where it cannot be told yet."""
        try:
            self._telling.tell()
        except (VaultError, JournalError) as why:
            log.error("what the vault did is not in the journal yet, and is told later: %s", why)
            return f"; its entry waits until the journal can take it ({why})"
        return ""

    def _resembled(
        self, person: str, enrolled: Enrolled, although: Collection[str]
    ) -> tuple[str, ...]:
        """Return who of `although` is resembled. Raises CannotDo where anybody else is."""
        rows = self._vault.known(enrolled.model).rows
        shots = [shot.template.octets for shot in enrolled.shots]
        found = likeness.alike(enrolled.model, shots, rows, person)
        others = [one for one in found if one.person not in although]
        if others:
            names = self._rosters.current.names()
            said = ", ".join(
                f"{one.person} {names.get(one.person, '')}".rstrip() + f" ({one.score:.2f})"
                for one in others[:5]
            )
            raise CannotDo(
                f"{person} is not enrolled: the face is taken for {said}. Is it one person under "
                "two numbers, or the wrong person in front of the camera? If somebody has looked "
                f"and they are two, say --although {others[0].person}: it is recorded. The camera "
                "names neither of two people whom it cannot tell apart"
            )
        return tuple(one.person for one in found)

    def _taken(self, source: str, name: str) -> Enrolled:
        """Have the camera take the pictures."""

        def ask(what: Prompt, step: int, of: int) -> None:
            self._tell(Prompted(source, what, step, of, name))

        def lent(one: Source) -> Enrolled:
            return _knowing(source, one).enrol(ask, ENROL_S, keep=bool(self._keep_ms))

        try:
            return self._collectors[source].borrow(lent, ENROL_S + LOOK_S)
        except (NotLent, SourceError) as why:
            self._tell(Prompted(source, Prompt.FAILED, name=name))
            raise CannotDo(str(why)) from why

    def _camera(self, wanted: str) -> str:
        there = ", ".join(self._cameras) or "none"
        if wanted:
            if wanted not in self._cameras:
                raise CannotDo(f"there is no camera {wanted!r}; there are: {there}")
            return wanted
        if len(self._cameras) != 1:
            raise CannotDo(f"at which camera? Say --source; there are: {there}")
        return next(iter(self._cameras))

    def _fits(self, model: str) -> None:
        """Raise CannotDo where every camera that answers works with another model."""
        models = {one for one in self._models().values() if one}
        if models and model not in models:
            raise CannotDo(
                f"the pictures were read with {model}, and the cameras here work with "
                f"{', '.join(sorted(models))}: nobody would be known by them"
            )

    def _models(self) -> dict[str, str]:
        """Return which model each camera uses; "" where it cannot be asked now."""
        return {name: self._model(name) for name in self._cameras}

    def _model(self, name: str) -> str:
        try:
            return self._collectors[name].borrow(
                lambda source: _knowing(name, source).model(), LOOK_S
            )
        except (KeyError, NotLent, SourceError, CannotDo):  # a list is no place to repair it
            return ""

    def _readable(self) -> None:
        if self._failed:
            raise CannotDo(
                f"{self._failed}. Whoever were enrolled on the second medium would be forgotten "
                "when the kiosk returns to the first one"
            )
        if not self._vault.is_open or self._vault.locked:
            raise CannotDo(
                self._vault.locked or f"{self._vault.path}: not open; see `kiosk status`"
            )

    # Who is enrolled.

    def list(self, _: Mapping[str, str]) -> str:
        """List who is enrolled; JSON of a `Listing`."""
        models = self._models()
        in_force = {one for one in models.values() if one}
        names = self._rosters.current.names()
        try:
            people = self._vault.people()
        except VaultError as why:
            raise CannotDo(str(why)) from why
        listed = [
            Listed(
                person=one.person,
                name=names.get(one.person, ""),
                model=one.model,
                templates=one.templates,
                pictures=one.pictures,
                notice=one.about.notice,
                basis=one.about.basis,
                by=one.about.by,
                at=one.about.at,
                again=one.model not in in_force if in_force else None,
                in_roster=one.person in names,
                damaged=one.person in self._vault.unread,
            )
            for one in people
        ]
        return msgspec.json.encode(Listing(models, listed)).decode()

    def prune(self, said: Mapping[str, str]) -> str:
        """Destroy what is of another model than `model`, which a camera must be using."""
        by, model = actor_of(said), said.get("model", "")
        in_force = sorted({one for one in self._models().values() if one})
        if model not in in_force:
            raise CannotDo(
                f"no camera says that it works with {model!r}; they say: "
                f"{', '.join(in_force) or 'nothing, for none is connected'}"
            )
        try:
            gone = self._vault.prune(model, Tell(by, Action.PRUNED, {"model": model}))
        except VaultError as why:
            raise CannotDo(str(why)) from why
        return f"{len(gone)} people's templates of other models are destroyed{self._told()}"


def _knowing(name: str, source: Source) -> KnowsFaces:
    if not isinstance(source, KnowsFaces):
        raise CannotDo(f"{name}: this source knows nobody by face")
    return source


def _brought(text: str) -> Enrolled:
    try:
        return msgspec.json.decode(text, type=Enrolled)
    except msgspec.DecodeError:
        # Its text might quote what was brought.
        raise CannotDo("enrolled: templates as this version writes them are needed") from None


def _check(enrolled: Enrolled) -> None:
    """Raise CannotDo where that cannot be what a model made of three pictures."""
    templates = [shot.template.octets for shot in enrolled.shots]
    if len(templates) < SHOTS_LEAST:
        raise CannotDo(f"{len(templates)} pictures were taken; {SHOTS_LEAST} are needed")
    if len(set(map(len, templates))) != 1:
        raise CannotDo("the templates are not of one model: their lengths differ")
    for template in templates:
        try:
            likeness.check(enrolled.model, template)
        except ValueError as error:
            raise CannotDo(f"{enrolled.model}: {error}; nobody is enrolled") from error


def _listed(said: Mapping[str, str], name: str) -> Sequence[str]:
    return [one.strip() for one in said.get(name, "").split(",") if one.strip()]
