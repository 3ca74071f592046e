"""The order of things: a release is taken, tried, kept or returned from.

What is stopped is started again, whatever happens in between. The power may fail between any two
lines: the trial's file says what was announced, and `check` goes on from there.
"""

import logging
from pathlib import Path
from typing import Final, Protocol

from msgspec import structs

from kiosk.faces import vaultfile
from kiosk.release import copies
from kiosk.release.bundle import unpack
from kiosk.release.errors import Failed, NotNow, Refused, ReleaseError
from kiosk.release.house import BEGUN, Releases
from kiosk.release.release import FILE, Release, Version, read_unverified
from kiosk.release.tree import HOME, equip
from kiosk.release.trial import Ended, Look, Phase, Trial, Verdict, judge
from sync.journal import schema
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey

log: Final = logging.getLogger(__name__)


PATIENCE_S: Final = 120.0
"""A person's word waits for the timer's look, which takes some seconds."""


class Units(Protocol):
    """What runs a release."""

    def stop(self) -> None:
        """Stop everything of the kiosk. Raises Failed."""

    def start(self) -> None:
        """Start what was running, as the release that holds wants it. Raises Failed."""

    def watch(self) -> None:
        """Have `check` called again and again. Raises Failed."""

    def rest(self) -> None:
        """Have it called no more. Raises Failed."""


class Machine(Protocol):
    """What this machine is, and what is seen of the kiosk on it."""

    architecture: str
    python: str

    def look(self) -> Look:
        """Look at the kiosk."""

    def fits(self, tree: Path) -> str:
        """Return why a release cannot run here with the settings as they are; "" if it can."""

    def utc(self) -> int:
        """Return milliseconds by the machine's clock, for people."""


class Steps:
    """What is done with releases on one kiosk; `data` is the daemon's directory."""

    def __init__(
        self,
        releases: Releases,
        data: Path,
        units: Units,
        machine: Machine,
        home: Path = HOME,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._releases = releases
        self._data = data
        self._units = units
        self._machine = machine
        self._home = home
        self._patience_s = patience_s

    def install(self, bundle: Path, keys: list[PublicKey], within_s: float) -> Trial:
        """Take a release from a bundle and begin its trial. Raises ReleaseError."""
        if not keys:
            raise Refused(
                "no publisher's key is here: put their public key, a PEM file, into "
                "/etc/presensi-kiosk/release-keys"
            )
        with self._releases.held(self._patience_s):
            self._no_trial()
            return self._begin(self._take(bundle, keys), within_s)

    def _take(self, bundle: Path, keys: list[PublicKey]) -> str:
        """Have a bundle's release installed; return its version."""

        def accept(said: Release) -> Path:
            self._may_come(said)
            return self._releases.draft(said.version, said.bytes)

        try:
            said = unpack(bundle, keys, accept)
            draft = self._releases.tree(said.version).with_name(said.version + BEGUN)
            equip(draft, self._releases.tree(said.version), said.python, self._home)
            self._releases.finish(said.version)
        except OSError as error:
            raise Failed(f"{error.filename}: {error.strerror}; look at the disk") from error
        except ReleaseError:
            self._releases.sweep()
            raise
        return said.version

    def _may_come(self, said: Release) -> None:
        """Raises Refused where a release is for another machine, older, or here already."""
        here = (self._machine.architecture, self._machine.python)
        if (said.architecture, said.python) != here:
            raise Refused(
                f"release {said.version} is for {said.architecture} with Python {said.python}, "
                f"this kiosk is {here[0]} with Python {here[1]}; get the bundle for it"
            )
        self._is_later(said.version)
        if said.version in self._releases.installed():
            raise Refused(
                f"release {said.version} is installed: kiosk release switch {said.version}"
            )

    def _is_later(self, version: str) -> None:
        current = self._releases.current
        if current and Version.read(version) <= Version.read(current):
            raise Refused(
                f"release {version} is not later than {current}, which holds; back to the one "
                "before is: kiosk release return"
            )

    def _no_trial(self) -> None:
        if (trial := self._releases.trial()) is not None:
            raise NotNow(
                f"release {trial.version} is on trial; wait for its end, or end it: "
                "kiosk release return"
            )

    def begin(self, version: str, within_s: float) -> Trial:
        """Have an installed release hold, on trial. Raises ReleaseError."""
        with self._releases.held(self._patience_s):
            self._no_trial()
            return self._begin(version, within_s)

    def _begin(self, version: str, within_s: float) -> Trial:
        releases = self._releases
        earlier = releases.current
        if version not in releases.installed():
            raise Refused(
                f"release {version} is not installed; these are: {', '.join(releases.installed())}"
            )
        if not earlier:
            raise NotNow("no release holds, so there is none to return to: install the package")
        self._is_later(version)
        if wrong := self._machine.fits(releases.tree(version)):
            raise Refused(f"release {version} does not start here: {wrong}")
        look = self._machine.look()
        trial = Trial(
            version=version,
            earlier=earlier,
            phase=Phase.BEGUN,
            boot=look.boot,
            since_s=look.up_s,
            bad_before=tuple(look.bad),
            within_s=within_s,
        )
        releases.remember(trial)
        try:
            self._switch(trial)
        except ReleaseError:
            self._undo(trial)
            raise
        # From here on the trial's own rules hold, whatever fails.
        try:
            trial = structs.replace(trial, phase=Phase.ON_TRIAL, since_s=self._machine.look().up_s)
            releases.remember(trial)
        finally:
            try:
                self._units.watch()
            finally:
                self._units.start()
        return trial

    def _switch(self, trial: Trial) -> None:
        self._units.stop()
        said = self._said(trial.version)
        if said.journal > len(schema.MIGRATIONS) or said.vault > len(vaultfile.MIGRATIONS):
            copies.make(self._data, trial.version)
            copies.prune(self._data, keep=trial.version)
        self._releases.point("earlier", trial.earlier)
        self._releases.point("current", trial.version)

    def _undo(self, trial: Trial) -> None:
        """Have everything as it was before a switch that did not come about."""
        try:
            if self._releases.current != trial.earlier:
                self._releases.point("current", trial.earlier)
            self._releases.end(None)
        finally:
            self._units.start()

    def _said(self, version: str) -> Release:
        try:
            return read_unverified((self._releases.tree(version) / FILE).read_bytes())[0]
        except (OSError, ProtocolError) as error:
            raise Failed(
                f"release {version} does not say what it is ({error}); remove "
                f"{self._releases.tree(version)} and install it again"
            ) from error

    def check(self) -> tuple[Verdict, Trial] | None:
        """Look at what is on trial and do what is due; None if nothing is. Raises ReleaseError."""
        with self._releases.held(0.0):  # the timer comes again
            return self._check()

    def _check(self) -> tuple[Verdict, Trial] | None:
        trial = self._releases.trial()
        if trial is None:
            self._units.rest()
            return None
        trial, verdict = judge(trial, self._machine.look(), self._releases.current)
        match verdict:
            case Verdict.WAIT:
                self._releases.remember(trial)
            case Verdict.KEEP:
                self._keep(trial)
            case Verdict.DROP:
                self._undo(trial)
                self._units.rest()
            case Verdict.RETURN:
                self._return(trial)
        return verdict, trial

    def _keep(self, trial: Trial) -> None:
        self._releases.end(self._ended(trial, kept=True))
        log.info("release %s holds; %s stays for a return", trial.version, trial.earlier)
        self._releases.prune()
        self._units.rest()

    def go_back(self, why: str) -> Trial:
        """Return from the release that holds, on trial or not, by a person's word.

        Raises NotNow where there is nothing to return to, Failed.
        """
        with self._releases.held(self._patience_s):
            return self._go_back(why)

    def _go_back(self, why: str) -> Trial:
        releases = self._releases
        trial = releases.trial()
        if trial is None:
            if not releases.earlier or releases.earlier == releases.current:
                raise NotNow("there is no earlier release to return to; kiosk release list")
            self._can_read(releases.earlier, releases.current)
            look = self._machine.look()
            trial = Trial(
                version=releases.current,
                earlier=releases.earlier,
                phase=Phase.RETURNING,
                boot=look.boot,
                since_s=look.up_s,
            )
        trial = structs.replace(trial, phase=Phase.RETURNING, why=why)
        releases.remember(trial)
        self._units.watch()  # a return that is cut is done again
        self._return(trial)
        return trial

    def _can_read(self, earlier: str, version: str) -> None:
        """Raises NotNow where a release could not read what the one that holds has written."""
        older, newer = self._said(earlier), self._said(version)
        has_copies = (self._data / f"{copies.BEFORE}{version}").is_dir()
        if (older.journal < newer.journal or older.vault < newer.vault) and not has_copies:
            raise NotNow(
                f"release {earlier} cannot read what {version} has written, and the copies from "
                "before it are gone; install a later release instead"
            )

    def _return(self, trial: Trial) -> None:
        releases = self._releases
        releases.remember(trial)
        self._units.stop()
        try:
            # In this order: after a cut the older one refuses the file; a newer would migrate it.
            releases.point("current", trial.earlier)
            copies.restore(self._data, trial.version)
            releases.end(self._ended(trial, kept=False))
            log.error(
                "release %s is returned from, %s holds again: %s",
                *(trial.version, trial.earlier, trial.why),
            )
        finally:
            self._units.start()
        self._units.rest()

    def _ended(self, trial: Trial, *, kept: bool) -> Ended:
        return Ended(
            version=trial.version,
            earlier=trial.earlier,
            kept=kept,
            why=trial.why,
            utc=self._machine.utc(),
        )
