"""Carrying fingers to another module: the daemon's end of `kiosk fingers export` and `import`.

Only where the settings allow it, only to a module of the same model, only sealed for two officers.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from drivers.errors import Refused
from drivers.fingers import KnowsFingers
from drivers.store import Secret
from kiosk.devices import LOOK_S, actor_of
from kiosk.faces.vaultfile import VaultError
from kiosk.fingers.carried import Carried, Content, pack
from kiosk.fingers.modules import Modules, free
from kiosk.fingers.slots import CARRIED, SlotMap, Step
from kiosk.local import CannotDo
from sync.edge.roster import Rosters
from sync.journal.errors import JournalError
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey, PublicKey

EACH_S: Final = 5.0
"""So long one template may take, both ways: 1.5 KB twice at 57,600 bits a second, and flash."""


class Exported(Struct, frozen=True):
    """The file, and how many fingers it has; `left` says why others are not in it."""

    file: bytes
    fingers: int
    left: list[str]


class Imported(Struct, frozen=True):
    """How many fingers were taken in, and why others were not, in words."""

    taken: int
    left: list[str]


def _template(slot: int, module: KnowsFingers) -> Secret:
    return module.template(slot)


class Carrying:
    """Any thread may ask; `record` writes an audit entry."""

    def __init__(
        self,
        modules: Modules,
        slots: SlotMap,
        rosters: Rosters,
        record: Callable[[str, str, dict[str, str]], None],
        now: Callable[[], int],
        kiosk: str,
        device: PrivateKey,
        forgotten: Callable[[], Collection[str]],
        *,
        allowed: bool,
    ) -> None:
        """`now` is milliseconds UTC; `device` signs what is exported.

        `forgotten` says who was erased at this kiosk, and raises VaultError where that is not
        known: a file from before must not bring them back.
        """
        self._modules = modules
        self._slots = slots
        self._rosters = rosters
        self._record = record
        self._now = now
        self._kiosk = kiosk
        self._device = device
        self._forgotten = forgotten
        self._allowed = allowed

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"export fingers": self.export, "import fingers": self.take_in}

    def export(self, said: Mapping[str, str]) -> str:
        """Seal every finger of a module's to `unit`, a PEM; JSON of an `Exported`."""
        by = self._allowed_by(said)
        try:
            unit = PublicKey.from_pem(said.get("unit", "").encode())
        except Malformed as error:
            raise CannotDo(f"unit key: {error}; kiosk vault unit-key make") from error
        source = self._modules.named(said)
        what = self._modules.borrow(source, lambda module: module.module(), LOOK_S)
        taken, left = [], []
        for slot, one in sorted(self._slots.of(what.serial).items()):
            if one.step is not Step.HELD:
                continue
            try:
                template = self._modules.borrow(source, partial(_template, slot), LOOK_S)
            except CannotDo as why:
                left.append(f"{one.person}, slot {slot}: {why}")
                continue
            taken.append(Carried(person=one.person, template=template, ground=one.ground))
        content = Content(model=what.model, fingers=taken)
        file = pack(content, self._kiosk, self._device, unit, self._now())
        detail = {
            "source": source,
            "terminal": what.serial,
            "fingers": f"{len(taken)}",
            "unit": unit.fingerprint,
            "sha256": sha256(file).hexdigest(),
        }
        self._record(by, CARRIED, detail)  # before anybody has it
        return msgspec.json.encode(Exported(file, len(taken), left)).decode()

    def take_in(self, said: Mapping[str, str]) -> str:
        """Write `carried`, JSON of a `Content`, into a module; JSON of an `Imported`.

        `from` says which file it was, for the entries.
        """
        by = self._allowed_by(said)
        try:
            content = msgspec.json.decode(said.get("carried", ""), type=Content)
        except msgspec.DecodeError:  # its text might quote a template
            raise CannotDo("carried: fingers as this version writes them are needed") from None
        source = self._modules.named(said)
        left: list[str] = []
        names, taken = self._rosters.current.names(), 0
        there = self._known(source, content.model)
        try:
            forgotten = self._forgotten()
        except VaultError as why:
            raise CannotDo(
                f"nobody knows who was forgotten here ({why}): nothing is taken"
            ) from why
        for one in content.fingers:
            if one.person in forgotten:
                left.append(f"{one.person}: was erased here; enrol them anew, if they wish it")
                continue
            if one.person not in names:
                left.append(f"{one.person}: not in the roster of this kiosk")
                continue
            if one.person in there:
                left.append(f"{one.person}: has fingers there already")
                continue

            def lent(module: KnowsFingers, one: Carried = one) -> None:
                self._written(module, one, by, {"source": source, "from": said.get("from", "")})

            try:
                self._modules.borrow(source, lent, EACH_S + LOOK_S)
                taken += 1
            except CannotDo as why:
                left.append(f"{one.person}: {why}")
        return msgspec.json.encode(Imported(taken, left)).decode()

    def _known(self, source: str, model: str) -> set[str]:
        """Return who has fingers in the module already. Raises CannotDo for another model's."""
        what = self._modules.borrow(source, lambda module: module.module(), LOOK_S)
        if what.model != model:
            raise CannotDo(
                f"the fingers are of {model}, and {source} is {what.model}: a template of another "
                "model fits nobody. Enrol them there (kiosk enrol finger)"
            )
        return {one.person for one in self._slots.of(what.serial).values() if one.step is Step.HELD}

    def _written(
        self, module: KnowsFingers, one: Carried, by: str, detail: Mapping[str, str]
    ) -> None:
        """Write a finger into a free slot, and have it count. Raises CannotDo, SourceError."""
        what = module.module()
        slot = free(what, module.occupied() | self._slots.of(what.serial).keys())
        self._slots.begin(what.serial, slot, one.person, by)
        try:
            module.keep(slot, one.template)
        except Refused:
            self._slots.leave(what.serial, slot, by)
            module.remove(slot)
            self._slots.removed(what.serial, slot)
            raise
        told = {key: text for key, text in detail.items() if text} | {"model": what.model}
        try:
            self._slots.finish(what.serial, slot, 0, one.ground, told)
        except JournalError as why:
            module.remove(slot)
            raise CannotDo(f"it could not be recorded ({why})") from why

    def _allowed_by(self, said: Mapping[str, str]) -> str:
        if not self._allowed:
            raise CannotDo(
                "this site does not allow that templates leave a module. If its rules do, say "
                "[fingers] may_be_carried = true in the settings (docs/PRIVACY.md)"
            )
        return actor_of(said)
