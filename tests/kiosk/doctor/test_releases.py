"""What the doctor says of releases."""

from pathlib import Path

from kiosk.doctor.releases import findings
from kiosk.facts import State
from kiosk.release.house import Releases
from kiosk.release.trial import Ended, Phase, Trial


def test_without_releases_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert list(findings(Releases(tmp_path / "opt"), tmp_path)) == []


def test_what_became_of_the_last_one(tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    releases.point("current", "0.1.0")
    [one] = findings(releases, tmp_path)
    assert (one.state, one.said) == (State.GOOD, "0.1.0")
    ended = Ended(version="0.2.0", earlier="0.1.0", kept=False, why="it does not answer", utc=1)
    releases.end(ended)
    [one] = findings(releases, tmp_path)
    assert one.state is State.LOOK
    assert "0.2.0 was returned from: it does not answer" in one.advice[0]
    (tmp_path / "journal-of-0.2.0.taken").mkdir()
    (tmp_path / "journal-of-0.3.0").mkdir()
    [one] = findings(releases, tmp_path)
    assert "journal-of-0.3.0 is not taken up yet" in one.advice[1]
    trial = Trial(version="0.2.0", earlier="0.1.0", phase=Phase.ON_TRIAL, boot="b", since_s=1.0)
    releases.remember(trial)
    [one] = findings(releases, tmp_path)
    assert "on trial" in one.advice[0]
    (tmp_path / "trial.json").write_text("{")
    [one] = findings(releases, tmp_path)
    assert "remove it" in one.advice[0]
