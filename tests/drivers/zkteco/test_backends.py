"""One suite over both 4370 backends: our own client, and pyzk in its killable process.

Each line is a terminal of the field. A worker's patience is part of it: a source that fails is
opened again, and in the end every row of the terminal's log is recorded, each once, and nothing
else. Where pyzk cannot do that, the line says why; docs/ZK.md has the table, held to this file.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import Struct

from drivers.base import Source
from drivers.errors import SourceError
from drivers.options import Backend, Transport
from drivers.sim import zkteco as sim
from drivers.sim.zkrecords import STRAY_PREFIX
from tests.drivers.zkteco.test_field_faults import Office

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

INSTALL = Path(__file__).parents[2] / "system" / "peers" / "install.py"
DOCUMENT = Path(__file__).parents[3] / "docs" / "ZK.md"
ROUNDS = 3
"""So often a source that fails is opened again."""

AT_ONCE = 6
READINGS = 3
"""A source that has read so often and covers nothing never will."""

CHECK_S = 0.1
QUIET_S = {Backend.NATIVE: 0.5, Backend.PYZK: 2.5}
"""When nothing has come for so long, nothing more comes: pyzk looks up once a second."""

Doing = Callable[[Office, Source], None]


class Line(Struct, frozen=True):
    """A terminal, and what happens there once its log has been read.

    Attributes:
        pyzk: why pyzk cannot; "" where it can.
    """

    pyzk: str = ""
    profile: sim.Profile = sim.Profile()
    faults: sim.Faults = sim.Faults()
    transport: Transport = Transport.TCP
    punches: int = 30
    comm_key: int | None = None
    then: Doing | None = None


def punch(office: Office, _: Source) -> None:
    office.sim.punch("1003")


def burst(office: Office, _: Source) -> None:
    office.sim.burst(["1001", "1002", "1003"], one_packet=False)


def one_packet(office: Office, _: Source) -> None:
    office.sim.burst(["1001", "1002"], one_packet=True)


def twice_in_a_second(office: Office, _: Source) -> None:
    office.sim.burst(["1001", "1001"])


def stranger(office: Office, _: Source) -> None:
    office.sim.punch("A77")


def hang_up(office: Office, _: Source) -> None:
    office.sim.drop_clients()
    office.sim.punch("1003")


def once(**faults: object) -> sim.Faults:
    return sim.Faults(**faults)  # type: ignore[arg-type]


JOINED = once(segmentation=sim.Segmentation.JOINED)
SPINS = once(bulk=sim.Breakage.FIN)

LINES = {
    "40-byte rows": Line(),
    "40-byte rows over UDP": Line(transport=Transport.UDP),
    "16-byte rows": Line(profile=sim.Profile(log=sim.LogLayout.OLD_16)),
    "8-byte rows of a ZEM500": Line(
        profile=sim.PROFILES["zem500"],
        transport=Transport.UDP,
        pyzk="it reads the time one byte too early: other dates, or an error",
    ),
    "49-byte rows": Line(
        profile=sim.PROFILES["speedface"], pyzk="it knows no rows of 49 bytes and makes rubbish"
    ),
    "nine stray bytes before the log": Line(
        profile=sim.Profile(log_prefix=STRAY_PREFIX), pyzk="every row is read nine bytes off"
    ),
    "a row dated 31 February": Line(
        faults=once(impossible_date=True), pyzk="one such row and the whole log is an error"
    ),
    "a punch between count and read": Line(faults=once(late_punches=1)),
    "no count": Line(
        faults=once(no_records_counted=True), pyzk="where 0 are counted it reads no log"
    ),
    "a comm key": Line(comm_key=4711),
    "a live punch": Line(then=punch),
    "three events in one segment": Line(faults=JOINED, then=burst),
    "two events in one packet": Line(
        then=one_packet, pyzk="64 bytes are read as one event of 52, and the rest as user 0's"
    ),
    "two punches in one second": Line(then=twice_in_a_second),
    "an unknown PIN": Line(then=stranger),
    "FIN while live": Line(then=hang_up),
    "FIN in a bulk read": Line(faults=SPINS),
}


@pytest.fixture(scope="module")
def pyzk_python() -> str:
    spec = importlib.util.spec_from_file_location("backends_install", INSTALL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()
    return str(module.PYZK_PYTHON)


class Outcome(Struct):
    """What came of one line: what was recorded, what should have been, what nobody could read."""

    recorded: set[tuple[str, str, int]]
    expected: set[tuple[str, str, int]]
    unreadable: list[bytes]


@pytest.fixture(scope="module")
def outcomes(pyzk_python: str) -> Iterator[Mapping[tuple[Backend, str], Future[Outcome]]]:
    """Return every line's outcome; they mostly wait, so several do at once."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        # Nobody waits a quarter of an hour for a spinning process here.
        patch.setattr("drivers.zkteco.pyzk_source.LOG_MOST_S", 5.0)
        yield {
            (backend, name): pool.submit(outcome, backend, line, pyzk_python)
            for backend in Backend
            for name, line in LINES.items()
        }


def outcome(backend: Backend, line: Line, pyzk_python: str) -> Outcome:
    with Office(
        line.profile,
        line.faults,
        punches=line.punches,
        comm_key=line.comm_key,
        transport=line.transport,
    ) as office:
        collect(office, line, backend, pyzk_python)
        return Outcome(office.recorded, expected(office), office.unreadable)


@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize("name", LINES)
def test_every_row_is_recorded_once(
    backend: Backend,
    name: str,
    outcomes: Mapping[tuple[Backend, str], Future[Outcome]],
    request: pytest.FixtureRequest,
) -> None:
    reason = LINES[name].pyzk
    if backend is Backend.PYZK and reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    came = outcomes[backend, name].result(60)
    assert came.unreadable == []
    assert came.recorded == came.expected


def collect(office: Office, line: Line, backend: Backend, pyzk_python: str) -> None:
    """Open and read as a worker does, until the log is covered and nothing more comes."""
    doing = line.then
    chosen = {"backend": backend, "pyzk_python": pyzk_python}
    for _ in range(ROUNDS):
        try:
            with office.visit(timeout_s=2.0, check_s=CHECK_S, **chosen) as source:
                if not covers(office, source):
                    return
                if doing is not None:
                    doing, done = None, doing
                    # pyzk registers for events only when it begins to listen.
                    source.read(0.05)
                    assert office.sim.wait_until(lambda t: t.listeners == 1)
                    done(office, source)
                while (reading := source.read(QUIET_S[backend])) is not None:
                    office.record(reading)
                    source.confirm(reading)
                return
        except SourceError:
            if office.sim.faults.bulk is not sim.Breakage.NONE:
                office.sim.faults = sim.Faults()  # the line is whole again


def covers(office: Office, source: Source) -> bool:
    """Read until the log is covered; return whether it ever is."""
    for _ in range(READINGS):
        reading = source.read(1.0)
        if reading is not None:
            office.record(reading)
            source.confirm(reading)
            if reading.coverage is not None:
                return True
    return False


def expected(office: Office) -> set[tuple[str, str, int]]:
    """Return the origins of the terminal's log, the row of no real date included."""
    log = office.log()
    if office.sim.faults.impossible_date:
        log.add(("1001", "2026-02-31T07:28:00", 1))
    return log


def test_the_table_in_the_document_is_this_one() -> None:
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| ([^|]+?) +\| (yes|no: [^|]+?) +\|$", text, re.MULTILINE)
    assert dict(rows) == {
        name: f"no: {line.pyzk}" if line.pyzk else "yes" for name, line in LINES.items()
    }
