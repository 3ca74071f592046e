"""A release taken, tried, kept, returned from; with the power failing between any two steps."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.release import copies
from kiosk.release.errors import Failed, NotNow, Refused
from kiosk.release.house import Releases
from kiosk.release.steps import Steps
from kiosk.release.trial import SETTLE_S, WITHIN_S, Verdict
from sync.journal import names, schema
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol.identity import PrivateKey
from tests.kiosk.release.parts import JOURNAL, KEY, Machine, Power, PowerCut, bundle, installed

KEYS = [KEY.public]


class Kiosk:
    """One kiosk on which 0.1.0 holds, with a journal."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.data = at / "data"
        journal = self.data / "journal"
        journal.mkdir(parents=True)
        self.epoch = names.make(journal, 1, "ab" * 8)
        Journal.make(self.epoch, Life("k1", "ab" * 8, 1, KEY.public.der))
        (self.data / "vault.sqlite").touch()
        self.releases = Releases(at / "opt")
        self.releases.place.mkdir()
        installed(self.releases, "0.1.0")
        self.releases.point("current", "0.1.0")
        self.machine = Machine(self.releases, self.data)
        self.machine.start()
        self.steps = self.anew()

    def anew(self) -> Steps:
        return Steps(self.releases, self.data, self.machine, self.machine)

    def go_on(self, for_s: float) -> Verdict | None:
        """Have the timer call for so long; return the last verdict, None where none was due."""
        verdict = None
        until_s = self.machine.up_s + for_s
        while self.machine.watches and self.machine.up_s < until_s:
            self.machine.up_s += 20.0
            done = self.anew().check()
            verdict = done[0] if done else None
        return verdict

    def schema(self) -> int:
        with closing(sqlite3.connect(self.epoch)) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(tmp_path)


def test_a_good_release_holds(kiosk: Kiosk) -> None:
    trial = kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    assert (trial.version, trial.earlier) == ("0.2.0", "0.1.0")
    assert kiosk.machine.runs == "0.2.0"
    assert kiosk.go_on(WITHIN_S) is Verdict.KEEP
    assert (kiosk.releases.current, kiosk.releases.earlier) == ("0.2.0", "0.1.0")
    ended = kiosk.releases.ended()
    assert ended is not None
    assert ended.kept
    assert not kiosk.machine.watches
    tree = kiosk.releases.tree("0.2.0")
    assert (tree / "bin" / "kiosk").read_text().startswith(f"#!{tree}/bin/python3 -IB\n")
    assert not (kiosk.data / "before-0.2.0").exists(), "nothing was migrated"

    # The next one lets go of the first.
    kiosk.steps.install(bundle(kiosk.at, "0.10.0"), KEYS, WITHIN_S)
    assert kiosk.go_on(WITHIN_S) is Verdict.KEEP
    assert kiosk.releases.installed() == ["0.2.0", "0.10.0"]


@pytest.mark.parametrize(
    ("bad", "why"),
    [(None, "the daemon does not answer"), (("Jurnal",), "bad, and not before: Jurnal")],
)
def test_a_bad_release_returns_by_itself(
    kiosk: Kiosk, bad: tuple[str, ...] | None, why: str
) -> None:
    kiosk.machine.answers["0.2.0"] = bad
    kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    assert kiosk.go_on(2 * WITHIN_S) is Verdict.RETURN
    assert (kiosk.machine.runs, kiosk.releases.current) == ("0.1.0", "0.1.0")
    ended = kiosk.releases.ended()
    assert ended is not None
    assert (ended.kept, ended.why) == (False, f"after 15 minutes: {why}")
    assert not kiosk.machine.watches
    assert kiosk.releases.trial() is None


def test_after_a_migration_the_copy_comes_back_and_what_was_left_is_kept(kiosk: Kiosk) -> None:
    kiosk.machine.answers["0.2.0"] = None
    kiosk.machine.schemas["0.2.0"] = JOURNAL + 1
    kiosk.steps.install(bundle(kiosk.at, "0.2.0", journal=JOURNAL + 1), KEYS, WITHIN_S)
    assert kiosk.schema() == JOURNAL + 1
    assert kiosk.go_on(2 * WITHIN_S) is Verdict.RETURN
    assert kiosk.schema() == JOURNAL
    [left] = names.files(kiosk.data / "journal-of-0.2.0")
    with closing(sqlite3.connect(left)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (JOURNAL + 1,)
    assert (kiosk.data / "vault.sqlite").exists()


@pytest.mark.parametrize(("good", "migrates"), [(True, True), (False, True), (False, False)])
def test_the_power_may_fail_between_any_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: bool, migrates: bool
) -> None:
    """After it something holds that can read the journal, and the trial comes to its end."""
    for nth in range(1, 100):
        at = tmp_path / f"{nth}"
        at.mkdir()
        kiosk = Kiosk(at)
        kiosk.machine.answers["0.2.0"] = () if good else None
        kiosk.machine.schemas["0.2.0"] = JOURNAL + migrates
        file = bundle(at, "0.2.0", journal=JOURNAL + migrates)
        was_cut = False
        with monkeypatch.context() as patched:
            power = Power(nth, patched)
            power.may_fail_in(kiosk.releases, "remember", "point", "end", "finish", "prune")
            power.may_fail_in(kiosk.machine, "stop", "start", "watch", "rest")
            power.may_fail_in(copies, "make", "_own", "restore", "_swap")
            try:
                kiosk.steps.install(file, KEYS, within_s=60.0)
                kiosk.go_on(600.0)
            except PowerCut:
                was_cut = True
        if was_cut:
            kiosk.machine.power_cut()
            kiosk.go_on(600.0)
        assert kiosk.releases.trial() is None
        assert kiosk.machine.runs == kiosk.releases.current
        if not good:
            assert kiosk.machine.runs == "0.1.0"
        # Whatever the newer one has written is here, or aside.
        assert kiosk.schema() == kiosk.machine.schemas.get(kiosk.machine.runs, JOURNAL)
        if not was_cut:
            break
    assert nth > (12 if migrates else 9)


def test_the_machine_starts_again_and_again(kiosk: Kiosk) -> None:
    kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    for _ in range(5):
        kiosk.machine.power_cut()
        kiosk.go_on(40)
    assert kiosk.machine.runs == "0.1.0"


def test_back_by_a_persons_word(kiosk: Kiosk) -> None:
    with pytest.raises(NotNow, match="no earlier release"):
        kiosk.steps.go_back("it flickers")
    kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    kiosk.go_on(40)
    kiosk.steps.go_back("it flickers")
    assert kiosk.machine.runs == "0.1.0"
    ended = kiosk.releases.ended()
    assert ended is not None
    assert ended.why == "it flickers"
    # After a trial too, with the databases as they were before it.
    installed(kiosk.releases, "0.3.0", journal=JOURNAL + 1)
    kiosk.machine.schemas["0.3.0"] = JOURNAL + 1
    kiosk.steps.begin("0.3.0", WITHIN_S)
    assert kiosk.go_on(WITHIN_S) is Verdict.KEEP
    kiosk.steps.go_back("it flickers as well")
    assert (kiosk.machine.runs, kiosk.schema()) == ("0.1.0", JOURNAL)


def test_no_way_back_without_the_copies(kiosk: Kiosk) -> None:
    kiosk.machine.schemas["0.2.0"] = JOURNAL + 1
    kiosk.steps.install(bundle(kiosk.at, "0.2.0", journal=JOURNAL + 1), KEYS, WITHIN_S)
    assert kiosk.go_on(WITHIN_S) is Verdict.KEEP
    (kiosk.data / "before-0.2.0").rename(kiosk.at / "elsewhere")
    with pytest.raises(NotNow, match=r"cannot read what 0.2.0 has written"):
        kiosk.steps.go_back("it flickers")
    assert kiosk.machine.runs == "0.2.0"


@pytest.mark.parametrize(
    ("version", "more", "words"),
    [
        ("0.1.0", {}, "not later than 0.1.0"),
        ("0.0.9", {}, "not later than 0.1.0"),
        ("0.2.0", {"architecture": "amd64"}, "is for amd64 with Python 3.11, this kiosk is arm64"),
        ("0.2.0", {"python": "3.13"}, "is for arm64 with Python 3.13"),
        ("0.2.0", {"key": PrivateKey.generate()}, "put the publisher's public key"),
    ],
)
def test_what_is_not_for_this_kiosk(
    kiosk: Kiosk, version: str, more: dict[str, object], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        kiosk.steps.install(bundle(kiosk.at, version, **more), KEYS, WITHIN_S)  # type: ignore[arg-type]
    assert kiosk.releases.installed() == ["0.1.0"]
    assert kiosk.releases.trial() is None
    assert kiosk.machine.runs == "0.1.0"
    assert not list((kiosk.releases.place / "releases").glob("*.begun"))


def test_who_publishes_must_be_said(kiosk: Kiosk) -> None:
    with pytest.raises(Refused, match="release-keys"):
        kiosk.steps.install(bundle(kiosk.at, "0.2.0"), [], WITHIN_S)


def test_what_does_not_even_start_is_not_tried(kiosk: Kiosk) -> None:
    kiosk.machine.unfit = "line.port: Expected int, got str"
    with pytest.raises(Refused, match=r"does not start here: line.port"):
        kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    assert kiosk.machine.runs == "0.1.0"
    # It stays installed; mended settings are enough.
    kiosk.machine.unfit = ""
    with pytest.raises(Refused, match=r"switch 0.2.0"):
        kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    kiosk.steps.begin("0.2.0", WITHIN_S)
    with pytest.raises(NotNow, match="on trial"):
        kiosk.steps.install(bundle(kiosk.at, "0.3.0"), KEYS, WITHIN_S)
    with pytest.raises(NotNow, match="on trial"):
        kiosk.steps.begin("0.2.0", WITHIN_S)


def test_a_daemon_that_does_not_stop_changes_nothing(kiosk: Kiosk) -> None:
    kiosk.machine.does_not_stop = True
    with pytest.raises(Failed, match="it does not"):
        kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    assert (kiosk.releases.current, kiosk.machine.runs) == ("0.1.0", "0.1.0")
    assert kiosk.releases.trial() is None


def test_no_room_for_the_copy_changes_nothing(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        f_bavail, f_frsize = 1, 512

    file = bundle(kiosk.at, "0.2.0", journal=JOURNAL + 1)
    kiosk.steps.install(file, KEYS, WITHIN_S)
    kiosk.steps.go_back("to be tried again")
    monkeypatch.setattr("kiosk.release.copies.os.statvfs", lambda _: Full)
    with pytest.raises(Failed, match="free some space"):
        kiosk.steps.begin("0.2.0", WITHIN_S)
    assert (kiosk.releases.current, kiosk.machine.runs) == ("0.1.0", "0.1.0")
    assert kiosk.schema() == len(schema.MIGRATIONS)


def test_a_trial_that_cannot_be_read_is_said(kiosk: Kiosk) -> None:
    (kiosk.releases.place / "trial.json").write_text("{")
    with pytest.raises(Failed, match="remove it"):
        kiosk.steps.check()


def test_only_one_is_at_work(kiosk: Kiosk) -> None:
    """Else the timer takes a switch that is under way for one that the power has cut."""
    file = bundle(kiosk.at, "0.2.0")
    hasty = Steps(kiosk.releases, kiosk.data, kiosk.machine, kiosk.machine, patience_s=0.3)
    with Releases(kiosk.releases.place).held(0.0):
        for call in (
            lambda: hasty.install(file, KEYS, WITHIN_S),
            lambda: hasty.begin("0.2.0", WITHIN_S),
            lambda: hasty.go_back("it flickers"),
            lambda: hasty.check(),
        ):
            with pytest.raises(NotNow, match="at work"):
                call()
    kiosk.steps.install(file, KEYS, WITHIN_S)
    assert kiosk.machine.runs == "0.2.0"


def test_well_for_a_moment_is_not_enough(kiosk: Kiosk) -> None:
    kiosk.steps.install(bundle(kiosk.at, "0.2.0"), KEYS, WITHIN_S)
    assert kiosk.go_on(SETTLE_S - 20) is Verdict.WAIT


@pytest.mark.parametrize(("what", "fails_at"), [("remember", 2), ("end", 1), ("point", 1)])
def test_a_full_disk_leaves_no_kiosk_standing_still(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, what: str, fails_at: int
) -> None:
    real, calls = getattr(Releases, what), []

    def full(*words: object) -> object:
        calls.append(words)
        if len(calls) >= fails_at:
            raise Failed("no room")
        return real(*words)

    if what == "end":  # the switch does not come about, and undoing it does not either
        monkeypatch.setattr(copies, "make", lambda *_: (_ for _ in ()).throw(Failed("no room")))
    kiosk.machine.schemas["0.2.0"] = JOURNAL + 1
    monkeypatch.setattr(Releases, what, full)
    with pytest.raises(Failed, match="no room"):
        kiosk.steps.install(bundle(kiosk.at, "0.2.0", journal=JOURNAL + 1), KEYS, WITHIN_S)
    assert kiosk.machine.runs == ("0.2.0" if what == "remember" else "0.1.0")
    if what == "remember":  # room again: the trial is what its file and the link say
        monkeypatch.undo()
        assert kiosk.go_on(WITHIN_S) is Verdict.KEEP
