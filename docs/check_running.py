"""Runs the commands of the documents that change nothing, at a kiosk and a central made for it.

The daemon is a real one, in a directory that is removed afterwards; nothing listens beyond this
machine. What a command may answer is 0, or 1 where it looks for faults and finds some.
"""

import itertools
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from check_docs import documents, named, quoted, refusal, words_of

from kiosk.local import NoDaemon, ask

WITHIN_S = 60.0

HARMLESS = {
    *("kiosk status", "kiosk doctor", "kiosk clock", "kiosk identity", "kiosk logs"),
    *("kiosk config check", "kiosk config show", "kiosk completion bash", "kiosk completion man"),
    *("kiosk journal tail", "kiosk journal verify", "kiosk journal heads", "kiosk journal stats"),
    *("kiosk journal sql --list", "kiosk devices", "kiosk devices ports", "kiosk technicians list"),
    *("kiosk pins list", "kiosk models list", "kiosk enrol list", "kiosk fingers"),
    *("presensi-central stats", "presensi-central kiosks list", "presensi-central decisions"),
    *("presensi-central verify --all", "presensi-central account list", "presensi-central night"),
    *("presensi-central proposals list", "presensi-central closings list"),
    "presensi-central strangers list",
}
"""They only look. Each of a document's that begins so is run as it stands, and so are these."""

LASTS = {"--watch", "--follow"}
TOUCHES = {"--bundle", "--accept", "--verify", "--breach", "--out", "--heads", "--file"}
"""Options that go on for ever, or need or write somebody's file: those are only parsed."""

SETTINGS = """\
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = 1
[[sources]]
kind = "fingerprint"
name = "jari"
port = "{home}/none"
[screen.technician]
port = 0
"""


def commands() -> dict[str, list[str]]:
    """Return what is to be run, and where it stands."""
    found = {one: one.split() for one in sorted(HARMLESS)}
    for document in documents():
        for command in quoted(document.read_text()):
            words = words_of(command)
            plain = [one for one in words if one != "--config" and not one.endswith(".toml")]
            if _looks(plain) and not (LASTS | TOUCHES) & set(words):
                found[f"{named(document)}: {' '.join(words)}"] = plain
    return found


def _looks(words: list[str]) -> bool:
    """Return whether a command only looks, whatever its options."""
    verbs = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    asks = verbs[:3] == ["kiosk", "journal", "sql"]
    return asks or " ".join(verbs) in {one.partition(" --")[0] for one in HARMLESS}


def failing_commands() -> Iterator[str]:
    """Yield the commands that do not do what they are quoted for."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "kiosk.toml").write_text(SETTINGS.format(home=home))
        (home / "central.toml").write_text('data = "central"\n[broker]\nhost = "127.0.0.1"\n')
        _run(home, ["presensi-central", "init"])
        (home / "central.pem").write_bytes((home / "central" / "central.pem").read_bytes())
        daemon = subprocess.Popen(
            _argv(home, ["kiosk", "run"]), cwd=home, stderr=subprocess.DEVNULL
        )
        try:
            _await(home)
            for where, words in commands().items():
                done = _run(home, words)
                if done.returncode not in (0, 1):
                    said = (done.stderr or done.stdout).strip().splitlines()
                    yield f"{where}: exit code {done.returncode}: {said[-1] if said else ''}"
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(WITHIN_S)


def _run(home: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _argv(home, words), cwd=home, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def _argv(home: Path, words: list[str]) -> list[str]:
    """Return how a command is run with the settings made here."""
    program = str(Path(sys.executable).with_name(words[0]))
    if words[0] == "presensi-central":
        return [program, "--config", str(home / "central.toml"), *words[1:]]
    takes = not refusal([*words, "--config", "x"])
    return [program, *words[1:], *(["--config", str(home / "kiosk.toml")] if takes else [])]


def _await(home: Path) -> None:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        try:
            if next(ask(home / "data" / "kiosk.sock", "status"), b""):
                return
        except NoDaemon:
            time.sleep(0.1)
    raise RuntimeError("the daemon did not start; run `kiosk run` by hand and look")
