"""The simulated finger module at its port: power, plugs, speeds, faults, as a client sees them."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from drivers.sim.fingerprint import (
    Fault,
    Finger,
    FingerprintModule,
    Op,
    Pty,
    Rule,
    TcpPort,
    Touch,
)
from drivers.sim.r30xfaults import Faults
from drivers.sim.r30xmodule import Answer
from drivers.sim.r30xwire import BROADCAST, READY, Frame, Frames, Pid, encode
from tests.drivers.fingerprint import frames as real

SHORT_S = 0.3


def command(*octets: int) -> bytes:
    return encode(Frame(BROADCAST, Pid.COMMAND, bytes(octets)))


@contextmanager
def line(there: FingerprintModule, baud: int = 57_600) -> Iterator[serial.Serial]:
    assert isinstance(there.port, Pty)
    with serial.Serial(str(there.port.link), baud, timeout=2.0) as port:
        yield port


def module(tmp_path: Path, *rules: Rule, profile: str = "r503-1.2.2") -> FingerprintModule:
    return FingerprintModule(profile, Pty(tmp_path / "fp0"), rules=rules)


def all_of(port: serial.Serial) -> bytes:
    """Read until it is silent."""
    port.timeout = SHORT_S
    return bytes(port.read(100_000))


def test_it_says_what_a_real_one_said(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        for asked, said in (
            (real.VFY_PWD, real.VFY_PWD_ACK),
            (real.READ_SYS_PARA, real.READ_SYS_PARA_ACK),
        ):
            port.write(asked)
            assert port.read(len(said)) == said


def test_byte_by_byte_is_heard_as_well_and_noise_between_costs_nothing(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        port.write(b"\x55\x00\xef\xef")
        for octet in real.VFY_PWD:
            port.write(bytes([octet]))
        assert port.read(12) == real.VFY_PWD_ACK


def test_half_a_frame_is_given_up(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        port.write(real.VFY_PWD[:9])
        port.timeout = 2 * SHORT_S
        assert port.read(1) == b""
        port.write(real.VFY_PWD)
        assert port.read(12) == real.VFY_PWD_ACK


def test_after_a_power_cycle_it_says_that_it_is_ready(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        port.write(command(Op.TEMPLETE_NUM))
        port.read(14)
        there.power_off()
        port.write(command(Op.TEMPLETE_NUM))
        assert all_of(port) == b""
        there.power_on()
        assert all_of(port) == READY


def test_a_soft_reset_is_a_power_cycle(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        port.write(command(Op.SOFT_RST))
        assert port.read(13) == real.VFY_PWD_ACK + READY


def test_only_at_its_speed_it_hears_anything(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there, 115_200) as port:
        port.write(real.VFY_PWD)
        assert all_of(port) == b""
        port.baudrate = 57_600
        port.write(command(Op.SET_SYS_PARA, 4, 12))
        port.timeout = 2.0
        assert port.read(12) == real.VFY_PWD_ACK
        there.power_cycle()
        assert there.speed == 115_200
        port.baudrate = 115_200
        port.reset_input_buffer()
        port.write(real.VFY_PWD)
        assert port.read(12) == real.VFY_PWD_ACK


@pytest.mark.parametrize("after", [1, 5, 11, 12, 40])
def test_it_is_pulled_out_in_the_middle_of_what_it_says(tmp_path: Path, after: int) -> None:
    with module(tmp_path) as there, line(there) as port:
        name = there.port.link.readlink()
        there.enrolled(3, "siti")
        there.unplug(after_bytes=after)
        port.write(command(Op.LOAD_CHAR, 1, 0, 3) + command(Op.UP_CHAR, 1))
        assert there.wait_until(lambda one: not one.port.plugged)
        there.replug()
        assert there.port.link.readlink() != name
        with line(there) as again:
            again.write(real.VFY_PWD)
            assert again.read_until(real.VFY_PWD_ACK).endswith(real.VFY_PWD_ACK)
        assert there.library == {3: ("siti",)}


def test_behind_tcp(tmp_path: Path) -> None:
    port = TcpPort()
    with FingerprintModule("zfm20", port) as there:
        there.enrolled(3, "siti")
        for _ in range(2):
            with socket.create_connection((port.host, port.port), timeout=2.0) as client:
                client.sendall(real.VFY_PWD)
                assert client.recv(64) == real.VFY_PWD_ACK
        there.unplug()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((port.host, port.port), timeout=2.0)
        there.replug()
        socket.create_connection((port.host, port.port), timeout=2.0).close()


def test_a_script_goes_on_with_its_looks(tmp_path: Path) -> None:
    with module(tmp_path) as there, line(there) as port:
        there.follow([Touch(None, 1), Touch(Finger("siti"), 2), Touch(None, 1)])
        codes = []
        for _ in range(5):
            port.write(real.GEN_IMG)
            codes.append(port.read(12)[9])
        assert codes == [2, 0, 0, 2, 2]
        assert there.glass.scripted == 0


SAID = {
    Fault.LOST_COMMAND: b"",
    Fault.DAMAGED_COMMAND: encode(Frame(BROADCAST, Pid.ACK, b"\x01")),
    Fault.NO_ACK: b"",
    Fault.LATE_ACK: b"",
    Fault.FOREIGN_ADDRESS: encode(Frame(BROADCAST ^ 0x0101, Pid.ACK, b"\0")),
    Fault.OVERSIZE: real.VFY_PWD_ACK[:7] + b"\x02\x03" + real.VFY_PWD_ACK[9:],
    Fault.READY_BYTE: READY + real.VFY_PWD_ACK,
    Fault.GLITCH: b"\0" + real.VFY_PWD_ACK,
    Fault.ECHO: real.VFY_PWD + real.VFY_PWD_ACK,
    Fault.SPLIT: real.VFY_PWD_ACK,
    Fault.BYTES: real.VFY_PWD_ACK,
    Fault.DELAY: real.VFY_PWD_ACK,
    Fault.SILENCE: b"",
}


@pytest.mark.parametrize("fault", SAID)
def test_a_fault_as_a_client_sees_it_and_only_once(tmp_path: Path, fault: Fault) -> None:
    with module(tmp_path, Rule(fault, op=Op.VFY_PWD, times=1)) as there, line(there) as port:
        port.write(real.VFY_PWD)
        assert all_of(port) == SAID[fault]
        assert there.faults_done[fault] == 1
        if fault is Fault.SILENCE:
            port.write(real.VFY_PWD)
            assert all_of(port) == b""
            there.power_cycle()
            port.read(1)
        port.timeout = 2.0
        port.write(real.VFY_PWD)
        late = real.VFY_PWD_ACK if fault is Fault.LATE_ACK else b""
        assert port.read(12 + len(late)) == late + real.VFY_PWD_ACK


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.FLIP, Fault.INSERT, Fault.DUPLICATE])
def test_one_byte_is_spoilt_the_same_with_the_same_seed(tmp_path: Path, fault: Fault) -> None:
    said = []
    for _ in range(2):
        with module(tmp_path, Rule(fault)) as there, line(there) as port:
            for _ in range(4):
                port.write(real.READ_SYS_PARA)
            said.append(all_of(port))
    longer = {Fault.DROP: -1, Fault.FLIP: 0, Fault.INSERT: 1, Fault.DUPLICATE: 1}[fault]
    assert said[0] == said[1]
    assert len(said[0]) == 4 * (28 + longer)
    assert said[0] != 4 * real.READ_SYS_PARA_ACK


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.NO_END])
def test_data_without_an_end(tmp_path: Path, fault: Fault) -> None:
    with module(tmp_path, Rule(fault)) as there, line(there) as port:
        there.enrolled(3, "siti")
        port.write(command(Op.LOAD_CHAR, 1, 0, 3) + command(Op.UP_CHAR, 1))
        frames = Frames().feed(all_of(port))
        assert frames[:2] == 2 * [Frame(BROADCAST, Pid.ACK, b"\0")]
        assert all(one.pid is Pid.MORE for one in frames[2:])
        assert len(frames) < 2 + 12


def test_splits_are_at_each_place_in_turn() -> None:
    faults = Faults([Rule(Fault.SPLIT)])
    heard = Frame(BROADCAST, Pid.COMMAND, b"\x01")
    answer = Answer(op=1, frames=(Frame(BROADCAST, Pid.ACK, b"\0"),))
    pieces = [[len(one.octets) for one in faults.says(answer, heard)] for _ in range(12)]
    assert pieces == [[n, 12 - n] for n in itertools.chain(range(1, 12), [1])]
