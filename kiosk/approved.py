"""Terminals that a technician approves while the daemon runs: at once, with a record, for good.

They stand in a file of their own, since the daemon may not write its settings: `approved.toml` in
the data directory, with a spare on the second medium. It reads like `[[sources]]` of the settings;
whoever wants to change one moves it there, or edits the file, and starts the daemon anew.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

import msgspec
from msgspec import Struct, structs

from drivers.options import SourceOptions, ZkPush
from kiosk.local import CannotDo
from kiosk.settings import Place, check
from sync.journal.errors import JournalError
from sync.journal.journal import Draft, Journal
from sync.keyfile import write_durably
from sync.protocol import entry
from sync.protocol.entry import Stamp
from sync.settingsfile import SettingsError, read

FILE: Final = "approved.toml"
_HEAD: Final = "# Terminals approved by `kiosk approve`; the daemon writes this file.\n"


class _Form(Struct, frozen=True, forbid_unknown_fields=True):
    sources: list[ZkPush] = []


class Approved:
    """The file, and what it takes to become one of its lines.

    `changing` is held by whoever does: two technicians may approve at once.
    """

    def __init__(self, place: Place) -> None:
        self._files = [place.data / FILE]
        if place.mirror is not None:
            self._files.append(place.mirror / FILE)
        self._configured: Sequence[SourceOptions] = place.settings.sources
        self._may_call = place.settings.push is not None
        self._sources: list[ZkPush] = []
        self.changing = Lock()

    def load(self) -> list[ZkPush]:
        """Return the approved terminals that the settings do not have themselves.

        Raises SettingsError: the file is not what was written, or a name is used twice.
        """
        file = next((one for one in self._files if one.exists()), None)
        if file is None:
            return []
        self._sources = read(file, _Form, "nothing, or move it away").sources
        fresh = self._others(self._sources)
        if fresh and not self._may_call:
            raise SettingsError(f"{file}: its terminals need a [push] section in the settings")
        try:
            check([*self._configured, *fresh])
        except ValueError as error:
            raise SettingsError(f"{file}: {error}") from error
        return fresh

    def admit(self, said: Mapping[str, str]) -> ZkPush:
        """Return the source that `said` asks for (serial, name, timezone). Raises CannotDo."""
        if not self._may_call:
            raise CannotDo(
                "no terminal can call this kiosk: add a [push] section to its settings and start "
                "it anew; nothing was approved"
            )
        words = {name: said[name] for name in ("serial", "name", "timezone") if said.get(name)}
        try:
            options = msgspec.convert({"kind": "zkpush", **words}, ZkPush)
            check([*self._configured, *self._others(self._sources), options])
        except (msgspec.ValidationError, ValueError) as error:
            raise CannotDo(f"{error}; nothing was approved") from error
        return options

    def keep(self, sources: Sequence[ZkPush]) -> None:
        """Have the file hold `sources`. Raises OSError; the second medium's may be missing."""
        text = (_HEAD + "".join(map(_section, sources))).encode()
        first, *spare = self._files
        write_durably(first, text)
        for file in spare:
            with suppress(OSError):  # that medium's trouble is told by who watches it
                write_durably(file, text)
        self._sources = list(sources)

    @property
    def sources(self) -> list[ZkPush]:
        """What the file holds."""
        return list(self._sources)

    def _others(self, sources: Sequence[ZkPush]) -> list[ZkPush]:
        known = {one.serial for one in self._configured if isinstance(one, ZkPush)}
        return [one for one in sources if one.serial not in known]


def approve(
    approved: Approved,
    journal: Journal,
    stamp: Callable[[], Stamp],
    begin: Callable[[ZkPush], None],
    said: Mapping[str, str],
) -> str:
    """Approve a terminal at a technician's word; return what to tell them.

    `said` has `serial`, `name`, `by` and, where it is not the default, `timezone`.

    Raises CannotDo, JournalError: nothing was approved.
    """
    by = said.get("by", "").strip()
    if not by:
        raise CannotDo("nobody says who approves; nothing was approved")
    with approved.changing:
        options, before = approved.admit(said), approved.sources
        told = entry.Audit(
            at=stamp(),
            actor=by[:100],
            action="approve terminal",
            detail={
                "source": options.name,
                "terminal": options.serial,
                "timezone": options.timezone,
            },
        )
        try:
            approved.keep([*before, options])
        except OSError as error:
            raise CannotDo(f"{error}; nothing was approved") from error
        try:
            journal.append([Draft(entry.encode(told))])
        except JournalError:
            with suppress(OSError):
                approved.keep(before)
            raise
        begin(options)
    return f"{options.serial} is source {options.name} from now on; it calls within a minute"


def _section(options: ZkPush) -> str:
    """Return all of `options` as TOML: a person may have written more into the file than we do."""
    # A JSON string or number is TOML too, but for characters that no terminal's keypad has.
    words = structs.asdict(options).items()
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in words)
    return "\n[[sources]]\n" + 'kind = "zkpush"\n' + "".join(lines)
