"""`kiosk sim zkteco` as a process."""

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from kiosk.cli.exits import Exit

COMMAND = (sys.executable, "-c", "from kiosk.cli import main; raise SystemExit(main())", "sim")
DEADLINE_S = 10.0


@contextmanager
def simulator(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`kiosk sim zkteco` on a free port, killed at the end if it still runs."""
    command = [*COMMAND, "zkteco", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("rate", ["0", "1", "60000"])
def test_it_ends_within_a_second(number: signal.Signals, rate: str) -> None:
    with simulator("--rate", rate) as process:
        lines(process, 1)
        process.send_signal(number)
        assert process.wait(timeout=1.0) == Exit.OK


def test_the_first_line_is_a_source_for_kiosk_toml() -> None:
    with simulator("--rate", "0", "--comm-key", "45", "--profile", "zem500") as process:
        (first,) = lines(process, 1)
    (source,) = tomllib.loads(first.partition("kiosk.toml: ")[2])["sources"]
    assert source.pop("port") > 0
    assert source == {
        "kind": "zkteco",
        "name": "sim",
        "host": "127.0.0.1",
        "transport": "udp",
        "comm_key": 45,
    }


def test_the_same_seed_gives_the_same_people() -> None:
    seen = []
    for _ in range(2):
        with simulator("--rate", "60000", "--limit", "5", "--seed", "7") as process:
            seen.append([line.split()[1] for line in lines(process, 6)[1:]])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 5


def test_every_punch_it_told_survives_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "sim.jsonl"
    with simulator("--rate", "60000", "--state", str(state)) as process:
        told = [line.split()[1] for line in lines(process, 51)[1:]]
        process.kill()
    with SimulatedTerminal(simulated_staff(55), state=state) as terminal:
        assert [record.user_id for record in terminal.log][:50] == told


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with SimulatedTerminal(simulated_staff(1)) as terminal:
        done = subprocess.run(
            [*COMMAND, "zkteco", "--port", str(terminal.port)],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert done.returncode == Exit.UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{terminal.port}" in line


@pytest.mark.parametrize("words", [["--port", "70000"], ["--rate", "-1"], ["--people", "x"]])
def test_wrong_words_are_a_usage_error(words: list[str]) -> None:
    done = subprocess.run(
        [*COMMAND, "zkteco", *words], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == Exit.USAGE


@pytest.mark.parametrize("content", [b"hello\n", None])
def test_a_state_that_cannot_be_used_is_said(tmp_path: Path, content: bytes | None) -> None:
    state = tmp_path / "sim.jsonl"
    if content is None:
        state = tmp_path / "no such directory" / "sim.jsonl"
    else:
        state.write_bytes(content)
    done = subprocess.run(
        [*COMMAND, "zkteco", "--port", "0", "--state", str(state)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == Exit.STORAGE
    assert str(state) in done.stderr
