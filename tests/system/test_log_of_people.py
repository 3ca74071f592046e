"""What the daemon writes into its log while people come and go: nobody is in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.sim.zkteco import Person as User
from drivers.sim.zkteco import SimulatedTerminal
from sync.protocol.roster import Known, Person, Roster
from tests.system.test_daemon import Daemon, wall_clock

pytestmark = pytest.mark.slow

PEOPLE = {
    "198706152010012003": ("Siti Rahmawati", "870615"),
    "199003072015031008": ("Bambang Hartono", "900307"),
}
STRANGER = "552917"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "home", tmp_path / "data", {})
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait()


def test_nobody_is_in_the_log(
    tmp_path: Path, daemon: Daemon, adopt: Callable[[Path, Roster], None]
) -> None:
    roster = Roster(
        version=1,
        people=[Person(id=nip, name=name) for nip, (name, _) in PEOPLE.items()],
        known=[
            Known(person=nip, credential="terminal_user", user=user)
            for nip, (_, user) in PEOPLE.items()
        ],
    )
    adopt(tmp_path / "data", roster)
    users = [User(user, name) for name, user in PEOPLE.values()]
    staff = [*users, User(STRANGER, "Joko Widodo")]
    with SimulatedTerminal(staff, clock=wall_clock) as terminal:
        daemon.config.write_text(
            daemon.config.read_text()
            + '[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "127.0.0.1"\n'
            + f'timezone = "UTC"\ntimeout_s = 2.0\ncheck_s = 1.0\nport = {terminal.port}\n'
        )
        daemon.start()
        daemon.until("read", lambda: (one := daemon.source("lobi")) is not None and one.connected)
        for one in staff:
            terminal.punch(one.user_id)
        daemon.until("recorded", daemon.recorded("lobi", len(staff)))
    daemon.until("gone", lambda: (one := daemon.source("lobi")) is not None and not one.connected)
    assert daemon.stop() == 0
    log = daemon.log.read_text()
    assert "lobi" in log, "it has said that the terminal is gone"
    assert "asked to stop" in log, "it is written from INFO on"
    for nip, (name, user) in PEOPLE.items():
        for word in (nip, user, *name.split()):
            assert word.casefold() not in log.casefold()
    for word in (STRANGER, "Joko", "Widodo"):
        assert word.casefold() not in log.casefold()
