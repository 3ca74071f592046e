"""Setting up without a screen: the file on the boot partition is read once, and answered.

    1  read and checked; every mistake at once goes into presensi-kiosk.result.txt, and that is all
    2  the device key is made, unless there is one
    3  central is asked by the claim code, again and again for as long as a code lives
    4  its answer is kept (`setup-progress.json`): a code is good once
    5  certificates, then kiosk.toml, are put in place
    6  the file's secrets are written over, then its text put back without them
    7  the result is written, the file gets another name, the progress is removed

Power may fail after any step. Up to 5 everything is done again from the file, with the answer that
is kept; from 6 on the first line of the file says that it was imported, and the progress knows the
rest. FAT has no atomic steps but the writing of one sector, which that line fits into.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from kiosk.setup import bootfile, result
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import CODE_LIVES_S, NotEnrolled, NotYet
from kiosk.setup.plan import Plan, planned
from kiosk.setup.said import Mistake, Said
from kiosk.setup.written import (
    check_goes_on,
    data_of,
    keep_papers,
    old_settings,
    settings_text,
    write,
)
from sync.protocol.enrolment import Enrolled
from sync.settingsfile import SettingsError

log = logging.getLogger(__name__)

PROGRESS: Final = "setup-progress.json"

KEPT_WAITING_S: Final = 60.0
"""A kiosk that is set up already records without its new settings no longer than this."""

TRY_EVERY_S: Final = 10.0

Enrol = Callable[[Plan, Path], Enrolled]
"""Ask central once for who has the key in this data directory. Raises NotEnrolled."""


class Progress(Struct, frozen=True, kw_only=True):
    """What is known of a file that was accepted. No secret.

    Attributes:
        digest: SHA-256 of the file as it was read.
        enrolled: what central gave; None where nothing was asked of it.
        cleaned: the file without its secrets.
        is_wiped: whether the file holds that and nothing else: a file that says more is a new one.
    """

    digest: str
    enrolled: Enrolled | None
    cleaned: str
    is_wiped: bool = False


class FirstBoot:
    """One reading of the file."""

    def __init__(
        self,
        disk: Disk,
        boot: Path,
        config: Path,
        data: str,
        enrol: Enrol,
        wait: Callable[[float], bool],
        now: Callable[[], float],
    ) -> None:
        """`wait` returns false where it was told to stop; `now` is monotonic seconds."""
        self._disk = disk
        self._boot = boot
        self._config = config
        self._data = data
        self._enrol = enrol
        self._wait = wait
        self._now = now

    def run(self) -> bool:
        """Return whether there is nothing left to do. Raises OSError: nothing is lost by that."""
        found = bootfile.candidates(self._disk.names(self._boot))
        before = self._disk.read(self._config)
        try:
            home = data_of(self._config, old_settings(before), self._data)
            known = self._known(home)
            if not found:
                if known is not None and known.is_wiped:  # it ended between two names
                    self._disk.remove(home / PROGRESS)
                return True
            file = self._boot / found[0]
            content = self._disk.read(file, bootfile.MOST_BYTES + 1) or b""
            if known is not None and _is_read(content, known):
                return self._finish(file, home, known)
            text = bootfile.understood(content)
            plan = self._checked(text, before)
            digest = hashlib.sha256(content).hexdigest()
            if known is None or known.is_wiped or known.digest != digest:
                known = Progress(
                    digest=digest,
                    enrolled=self._enrolled(plan, home, before),
                    cleaned=bootfile.cleaned(text).decode(),
                )
                self._disk.replace(home / PROGRESS, msgspec.json.encode(known), 0o600)
            toml = settings_text(plan, known.enrolled, before, self._data)
            if known.enrolled is not None:
                keep_papers(self._disk, home, known.enrolled)
            write(self._disk, self._config, toml)
        except bootfile.Unreadable as error:
            return self._say(result.MISTAKEN, [error.mistake])
        except _Mistaken as error:
            return self._say(result.MISTAKEN, error.mistakes)
        except SettingsError as error:
            return self._say(result.MISTAKEN, [_whole(error)])
        except NotEnrolled as error:
            return self._say(result.REFUSED, hints=[error.said])
        return self._finish(file, home, known)

    def _known(self, home: Path) -> Progress | None:
        content = self._disk.read(home / PROGRESS)
        try:
            return None if content is None else msgspec.json.decode(content, type=Progress)
        except msgspec.DecodeError:  # not ours: as if there were none
            return None

    def _checked(self, text: bootfile.Text, before: bytes | None) -> Plan:
        plan, mistakes = planned(text.raw)
        raw = text.raw
        if before is None and "sources" not in raw:
            mistakes.append(Mistake("sources", _NO_SOURCE))
        if not raw.get("central") and (before is None or raw.get("code")):
            mistakes.append(Mistake("central", _NO_CENTRAL))
        if before is None and not raw.get("code"):
            mistakes.append(Mistake("code", _NO_CODE))
        if mistakes or plan is None:
            raise _Mistaken(mistakes)
        return plan

    def _enrolled(self, plan: Plan, home: Path, before: bytes | None) -> Enrolled | None:
        """Return what central gives, asking for as long as a code lives. Raises NotEnrolled."""
        if not plan.code:
            return None
        self._say(result.TRYING)
        until = self._now() + (CODE_LIVES_S if before is None else KEPT_WAITING_S)
        while True:
            try:
                enrolled = self._enrol(plan, home)
                check_goes_on(home, before, enrolled)
                return enrolled
            except NotYet as error:
                log.warning("%s", error)
                if self._now() >= until or not self._wait(TRY_EVERY_S):
                    raise

    def _finish(self, file: Path, home: Path, known: Progress) -> bool:
        """Wipe, answer, rename: each may be done again."""
        disk = self._disk
        content = disk.read(file, bootfile.MOST_BYTES + 1) or b""
        cleaned = known.cleaned.encode()
        if content != cleaned:
            blank = bootfile.HEAD + b"#" * (max(len(content), len(cleaned)) - len(bootfile.HEAD))
            disk.overwrite(file, blank)
            disk.sync(file)
            disk.overwrite(file, cleaned)
            disk.cut(file, len(cleaned))
            disk.sync(file)
        known = structs.replace(known, is_wiped=True)
        disk.replace(home / PROGRESS, msgspec.json.encode(known), 0o600)
        given = known.enrolled
        head = result.CHANGED if given is None else result.done(given.kiosk, given.unit)
        self._say(head, hints=[result.REMNANTS])
        disk.rename(file, self._boot / bootfile.DONE)
        disk.sync_directory(self._boot)
        disk.remove(home / PROGRESS)
        return True

    def _say(
        self, head: Said, mistakes: list[Mistake] | None = None, hints: list[Said] | None = None
    ) -> bool:
        """Write the result in place: FAT would not keep a renaming whole. Returns False."""
        content = result.text(head, mistakes or [], hints or [])
        path = self._boot / bootfile.RESULT
        if self._disk.read(path) != content:
            self._disk.overwrite(path, content)
            self._disk.cut(path, len(content))
            self._disk.sync(path)
            self._disk.sync_directory(self._boot)
        return False


def _is_read(content: bytes, known: Progress) -> bool:
    """Return whether this is what is left of the file that is known, however far its wiping came.

    Somebody may put a new file there that begins like the old one: only before the old one was
    wiped, and so still there, its first line is enough.
    """
    if known.is_wiped:
        return content == known.cleaned.encode()
    return content.startswith(bootfile.HEAD)


class _Mistaken(Exception):
    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__()
        self.mistakes = mistakes


def _whole(error: SettingsError) -> Mistake:
    return Mistake(
        "kiosk.toml",
        Said(f"Pengaturan tidak bisa dipakai: {error}", f"The settings cannot be used: {error}"),
    )


_NO_SOURCE: Final = Said(
    "Belum ada perangkat: tulis paling sedikit satu bagian [[sources]] (contoh: "
    "config/presensi-kiosk.toml)",
    "There is no terminal: write at least one [[sources]] section (config/presensi-kiosk.toml)",
)
_NO_CENTRAL: Final = Said(
    'Alamat pusat belum ada: central = "http://NAMA:PORT"',
    'Central\'s address is missing: central = "http://HOST:PORT"',
)
_NO_CODE: Final = Said(
    "Kode klaim belum ada; minta di pusat dengan `presensi-central kiosks claim`, lalu tulis: "
    'code = "XXXX-XXXX-XXXX-XXXX"',
    "The claim code is missing: have one made at central with `presensi-central kiosks claim`, "
    'then write: code = "XXXX-XXXX-XXXX-XXXX"',
)
