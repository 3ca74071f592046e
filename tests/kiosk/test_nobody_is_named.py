"""A morning at a kiosk, and then a search: nobody who came stands in a log, status or bundle.

A whole daemon in this process, with a terminal, a dead one, readers of cards, codes and PINs. All
names, ids, cards, numbers of users and PINs are seeded; what a technician or a stranger may see of
the kiosk is searched for them. That the journal has them proves that the search could find them.
"""

import io
import logging
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from drivers.sim.people import Person as TerminalUser
from drivers.sim.pty import Pty
from drivers.sim.reader import SimulatedReader, line, rdm6300
from drivers.sim.zkteco import SimulatedTerminal
from kiosk.app import Kiosk
from kiosk.cli import main
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from kiosk.settings import load
from kiosk.troubles import Troubles
from sync.edge.roster import Rosters
from sync.edge.shelf import Shelf
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from sync.protocol.rostering import Manifest, Part, RosterPart, digest, encode_manifest
from tests.kiosk.face_parts import ABOUT, enrolled, tell

WITHIN_S = 60.0

ANI, BAGUS = "198503152010011007", "199012242015032009"
NAMES = {ANI: "Wulandari Kusumaningrat", BAGUS: "Bagaskara Prawirodirjo"}
NUMBERS = {ANI: "73051", BAGUS: "73052"}
CARD, STRANGERS_CARD = "0004821377", "0009137731"
STRANGER = TerminalUser("73999", "Takdikenal")
PIN, WRONG_PIN, PINPAD_STRANGER = "739104628513", "846201957304", "73888"

SEEDED = [
    *(ANI, BAGUS, *NAMES.values(), *(word for name in NAMES.values() for word in name.split())),
    *(*NUMBERS.values(), STRANGER.user_id, STRANGER.name, PINPAD_STRANGER),
    *(CARD, STRANGERS_CARD, PIN, WRONG_PIN),
]

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
port = {port}
timezone = "UTC"
users = "add"
check_s = 1.0
[[sources]]
kind = "zkteco"
name = "gudang"
host = "127.0.0.1"
port = 1
[[sources]]
kind = "tag"
name = "kartu"
port = "{home}/tag"
gone_s = 0.5
[[sources]]
kind = "code"
name = "kode"
port = "{home}/code"
gone_s = 0.5
[[sources]]
kind = "pinpad"
name = "tombol"
port = "{home}/pinpad"
"""


def adopt(data: Path) -> None:
    """Put a roster there, as if central had sent it."""
    known = [
        Known(person=who, credential="terminal_user", user=number)
        for who, number in NUMBERS.items()
    ]
    roster = Roster(
        version=1,
        people=[Person(id=who, name=name) for who, name in NAMES.items()],
        known=[*known, Known(person=ANI, credential="card", user=CARD)],
    )
    page = msgspec.json.encode(roster)
    shelf = Shelf(data / "roster", Rosters(), lambda _: None)
    manifest = Manifest(version=1, pages=[digest(page)])
    for part, plain in ((Part.MANIFEST, encode_manifest(manifest)), (Part.PAGE, page)):
        said = RosterPart(kiosk="k1", version=1, part=part, nonce="", sealed="", key="")
        shelf.take(said, plain, 0.0, latest=True)


class Morning:
    """A daemon in a thread, and everything that people come to."""

    def __init__(self, home: Path, plugged: ExitStack, log: io.StringIO) -> None:
        self.home = home
        self.log = log
        self.config = home / "kiosk.toml"
        self.data = home / "data"
        self.terminal = plugged.enter_context(
            SimulatedTerminal([STRANGER, TerminalUser(NUMBERS[BAGUS], "Pendahulu")], serial="LOBI1")
        )
        self.readers = {
            kind: plugged.enter_context(SimulatedReader(Pty(home / kind)))
            for kind in ("tag", "code", "pinpad")
        }
        self.config.write_text(SETTINGS.format(port=self.terminal.port, home=home))
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        self.data.mkdir()
        adopt(self.data)
        vault = Vault(self.data, KeyPlace(self.data, {}))
        vault.open()
        vault.put(BAGUS, enrolled(BAGUS), ABOUT, tell(person=BAGUS))
        vault.close()
        self.kiosk = Kiosk(load(self.config), Troubles())
        self._thread = threading.Thread(target=self.kiosk.run)

    def begin(self) -> None:
        self._thread.start()
        connected = {"lobi", "kartu", "kode", "tombol"}
        self.until(lambda: connected <= self.connected())

    def end(self) -> None:
        self.kiosk.interrupt()
        if self._thread.ident is not None:
            self._thread.join(WITHIN_S)
            assert not self._thread.is_alive()

    def connected(self) -> set[str]:
        """Return which sources are; none while the daemon does not answer."""
        with suppress(NoDaemon, StopIteration):
            line = next(ask(self.data / "kiosk.sock", "status"))
            said = msgspec.json.decode(line, type=Status)
            return {one.name for one in said.sources if one.connected}
        return set()

    def until(self, holds: Callable[[], object]) -> None:
        until_s = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < until_s, (self.connected(), self.recorded())
            time.sleep(0.05)

    def users(self) -> set[str]:
        """Return whom the terminal knows."""
        inside = self.terminal.terminal
        with inside.lock:
            return {one.user_id for one in inside.people.values()}

    def recorded(self) -> bytes:
        """Return every body in the journal."""
        bodies = []
        for path in files(self.data / "journal"):
            reader = Reader(path)
            reader.open()
            bodies += [row.body or b"" for row in reader.rows(1)]
            reader.close()
        return b"\n".join(bodies)

    def say(self, kind: str, octets: bytes, recorded: str) -> None:
        """Have somebody come to a reader, until something is recorded of it."""
        reader = self.readers[kind]
        assert reader.wait_for_client(WITHIN_S)
        before = self.recorded().count(recorded.encode())
        reader.say(octets)
        self.until(lambda: self.recorded().count(recorded.encode()) > before)


@pytest.fixture
def morning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Morning]:
    monkeypatch.setattr("kiosk.enlisting.QUIET_S", 0.5)  # people are written where nobody punches
    said = io.StringIO()
    handler, root = logging.StreamHandler(said), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    with ExitStack() as plugged:
        made = Morning(tmp_path, plugged, said)
        try:
            made.begin()
            yield made
        finally:
            made.end()


def test_nobody_is_named_where_a_stranger_may_look(
    morning: Morning,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kiosk(*words: object) -> str:
        main([*map(str, words), "--config", str(morning.config)])
        said = capsys.readouterr()
        return said.out + said.err

    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"  # where this machine has no NTP
    kiosk("clock", "witness", now, "--utc", "--by", "rudi", "--error", "5")
    # They come: known, unknown, by another's card, with a wrong PIN.
    for user in (STRANGER.user_id, NUMBERS[BAGUS], STRANGER.user_id):
        morning.terminal.punch(user)
    morning.until(lambda: morning.recorded().count(b'"lobi"') >= 3)
    morning.say("tag", rdm6300(CARD), CARD)
    morning.say("tag", rdm6300(STRANGERS_CARD), STRANGERS_CARD)
    morning.say("code", line("PRESENSI-NOT-A-CODE"), "code refused")
    monkeypatch.setattr("kiosk.cli.pins.getpass", lambda _: PIN)
    kiosk("pins", "set", NUMBERS[ANI], "--ask", "--by", "rudi")
    morning.say("pinpad", f"{NUMBERS[ANI]}*{PIN}#".encode(), NUMBERS[ANI])
    morning.say("pinpad", f"{NUMBERS[ANI]}*{WRONG_PIN}#".encode(), "pin refused")
    morning.say("pinpad", f"{PINPAD_STRANGER}*{WRONG_PIN}#".encode(), "pin refused")
    # The roster's people are brought to the terminal, and somebody is to be forgotten there.
    morning.until(lambda: NUMBERS[ANI] in morning.users())
    forgotten = kiosk("forget", BAGUS, "--by", "rudi", "--reason", "left")
    assert "STILL OPEN  gudang" in forgotten
    assert BAGUS in kiosk("forget", "--open")

    bundle = morning.home / "bundle.tar.gz"
    shown = {
        "status": kiosk("status"),
        "status --json": kiosk("status", "--json"),
        "doctor": kiosk("doctor"),
        "doctor --json": kiosk("doctor", "--json"),
        "doctor --bundle": kiosk("doctor", "--bundle", bundle),
        "troubles": next(ask(morning.data / "kiosk.sock", "troubles")).decode(),
        "journal stats": kiosk("journal", "stats"),
    }
    with tarfile.open(bundle) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            shown[member.name] = content.read().decode()
    morning.end()
    shown["log"] = morning.log.getvalue()  # with what was raised
    assert "STILL TO BE FORGOTTEN" in shown["status"]
    assert "gudang" in shown["log"]

    recorded = morning.recorded().decode()
    for seed in (ANI, BAGUS, NUMBERS[ANI], STRANGER.user_id, CARD, STRANGERS_CARD):
        assert seed in recorded, "nothing was searched"
    found = {
        (where, seed)
        for where, text in shown.items()
        for seed in SEEDED
        if re.search(rf"(?<![0-9a-z]){re.escape(seed)}(?![0-9a-z])", text, re.IGNORECASE)
    }
    assert not found
