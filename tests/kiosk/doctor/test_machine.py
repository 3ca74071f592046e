"""Every check of the machine, made to fail: what it says, and what to do about it."""

import grp
import os
import pwd
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from drivers.options import FingerModule
from drivers.ports import Port
from kiosk.doctor import board, card, clockwork, install, network, serialports
from kiosk.doctor.machine import Machine, run_program
from kiosk.facts import Fact, State
from sync.line import Broker, Tls

ME = pwd.getpwuid(os.getuid()).pw_name


class Made(Machine):
    """A machine of files and of what programs say."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, self.says)
        self.programs: dict[tuple[str, ...], str] = {}

    def says(self, words: Sequence[str]) -> str | None:
        return self.programs.get(tuple(words))

    def write(self, name: str, text: str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Made:
    return Made(tmp_path / "root")


def one(found: Iterator[Fact], title: str) -> Fact:
    [fact] = [each for each in found if each.title == title]
    return fact


def advice(found: Iterator[Fact], title: str) -> str:
    fact = one(found, title)
    assert fact.state is not State.GOOD
    return " ".join(fact.advice)


# The card.


@pytest.mark.parametrize(
    ("free", "state", "words"),
    [(50, State.GOOD, ""), (5, State.LOOK, "du -xh"), (1, State.BAD, "du -xh")],
)
def test_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State, words: str
) -> None:
    said = os.statvfs_result((4096, 4096, 100, free, free, 100, 50, 50, 0, 255))
    monkeypatch.setattr("kiosk.doctor.card.os.statvfs", lambda _: said)
    fact = one(card.findings(Made(tmp_path), tmp_path), "Kartu: ruang")
    assert fact.state is state
    assert words in " ".join(fact.advice)


def test_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = os.statvfs_result((4096, 4096, 100, 50, 50, 100, 1, 1, 0, 255))
    monkeypatch.setattr("kiosk.doctor.card.os.statvfs", lambda _: said)
    assert "inodes" in advice(card.findings(Made(tmp_path), tmp_path), "Kartu: ruang")


def test_a_data_directory_that_is_not_there(tmp_path: Path) -> None:
    found = card.findings(Made(tmp_path), tmp_path / "gone")
    assert "cannot be read" in advice(found, "Kartu: ruang")


def mounted(machine: Made, data: Path, options: str = "rw,noatime") -> None:
    machine.write(
        "/proc/self/mounts", f"/dev/vda1 / ext4 rw 0 0\n/dev/mmcblk0p2 {data} ext4 {options} 0 0\n"
    )


def test_a_card_that_is_read_only(machine: Made, tmp_path: Path) -> None:
    mounted(machine, tmp_path)
    assert one(card.findings(machine, tmp_path), "Kartu: kesalahan").state is State.GOOD
    mounted(machine, tmp_path, "ro,noatime")
    assert "read-only" in advice(card.findings(machine, tmp_path), "Kartu: kesalahan")


def test_a_card_with_faults(machine: Made, tmp_path: Path) -> None:
    mounted(machine, tmp_path)
    machine.write("/sys/fs/ext4/mmcblk0p2/errors_count", "3\n")
    assert "3 faults" in advice(card.findings(machine, tmp_path), "Kartu: kesalahan")


@pytest.mark.parametrize(
    ("life", "end", "state"),
    [
        ("0x01 0x02", "0x01", State.GOOD),
        ("0x01 0x09", "0x01", State.LOOK),
        ("0x01 0x02", "0x02", State.LOOK),
        ("0x0b 0x0b", "0x03", State.BAD),
    ],
)
def test_a_worn_card(machine: Made, tmp_path: Path, life: str, end: str, state: State) -> None:
    machine.write("/sys/block/mmcblk0/device/life_time", life)
    machine.write("/sys/block/mmcblk0/device/pre_eol_info", end)
    machine.write("/sys/block/mmcblk0/device/date", "03/2023")
    fact = one(card.findings(machine, tmp_path), "Kartu: keausan")
    assert fact.state is state
    assert "03/2023" in fact.said


def test_a_card_that_does_not_say(machine: Made, tmp_path: Path) -> None:
    machine.write("/sys/block/mmcblk0/device/date", "03/2023")
    assert one(card.findings(machine, tmp_path), "Kartu: keausan").state is State.GOOD


# The board.


def test_memory(machine: Made) -> None:
    machine.write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n")
    assert one(board.findings(machine), "Memori").state is State.GOOD
    machine.write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 50000 kB\n")
    assert "the kernel will end something" in advice(board.findings(machine), "Memori")
    machine.write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n")
    machine.write("/proc/vmstat", "nr_free 1\noom_kill 2\n")
    assert "ended 2 processes" in advice(board.findings(machine), "Memori")


@pytest.mark.parametrize(
    ("millis", "state"), [("48000", State.GOOD), ("78000", State.LOOK), ("84000", State.BAD)]
)
def test_heat(machine: Made, millis: str, state: State) -> None:
    machine.write("/sys/class/thermal/thermal_zone0/temp", millis)
    assert one(board.findings(machine), "Suhu").state is state


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ("0x0", State.GOOD, ""),
        ("0x50000", State.LOOK, "was too low since the start"),
        ("0x50005", State.BAD, "is too low now"),
        ("0x4", State.LOOK, "slowed down"),
    ],
)
def test_power(machine: Made, flags: str, state: State, words: str) -> None:
    machine.write("/sys/devices/platform/soc/soc:firmware/get_throttled", flags)
    fact = one(board.findings(machine), "Tegangan")
    assert fact.state is state
    assert words in " ".join(fact.advice)


def test_power_by_the_firmwares_own_program(machine: Made) -> None:
    machine.programs["vcgencmd", "get_throttled"] = "throttled=0x50000\n"
    assert one(board.findings(machine), "Tegangan").state is State.LOOK


def test_a_machine_that_does_not_say_has_no_finding(machine: Made) -> None:
    assert list(board.findings(machine)) == []


# The clock.


def active(machine: Made, *names: str) -> None:
    for name in names:
        machine.programs["systemctl", "is-active", name] = "active\n"


def test_nothing_sets_the_clock(machine: Made) -> None:
    assert "apt-get install chrony" in advice(clockwork.findings(machine), "Penjaga jam")
    active(machine, "systemd-timesyncd")
    assert one(clockwork.findings(machine), "Penjaga jam").state is State.GOOD


def test_chrony_without_rtcsync(machine: Made) -> None:
    active(machine, "chrony")
    machine.write("/etc/chrony/chrony.conf", "pool 2.debian.pool.ntp.org iburst\n#rtcsync\n")
    assert "add the line rtcsync" in advice(clockwork.findings(machine), "Penjaga jam")
    machine.write("/etc/chrony/chrony.conf", "pool 2.debian.pool.ntp.org iburst\nrtcsync\n")
    assert one(clockwork.findings(machine), "Penjaga jam").state is State.GOOD


def test_two_set_the_clock(machine: Made) -> None:
    active(machine, "chrony", "systemd-timesyncd")
    assert "both set the clock" in advice(clockwork.findings(machine), "Penjaga jam")


def test_no_clock_that_runs_without_power(machine: Made) -> None:
    assert "DS3231" in advice(clockwork.findings(machine), "Jam perangkat (RTC)")
    machine.write("/sys/class/rtc/rtc0/since_epoch", "1800000000")
    assert one(clockwork.findings(machine), "Jam perangkat (RTC)").state is State.GOOD
    machine.write("/sys/class/rtc/rtc0/since_epoch", "12")
    assert "its battery" in advice(clockwork.findings(machine), "Jam perangkat (RTC)")


# The network.

BROKER = Broker(host="broker.example.go.id", port=8883)


def up(machine: Made) -> None:
    machine.write("/sys/class/net/lo/operstate", "unknown")
    machine.write("/sys/class/net/eth0/operstate", "up")
    machine.write("/proc/net/route", "Iface Dest Gateway\neth0 00000000 0101A8C0\n")


def fails(error: OSError) -> network.Connect:
    def connect(host: str, port: int) -> socket.socket:
        raise error

    return connect


def test_no_cable_and_no_way_out(machine: Made) -> None:
    machine.write("/sys/class/net/eth0/operstate", "down")
    found = network.findings(machine, BROKER, fails(OSError()))
    assert "cable" in advice(found, "Jaringan: kabel")
    up(machine)
    machine.write("/proc/net/route", "Iface Dest Gateway\neth0 0001A8C0 00000000\n")
    found = network.findings(machine, BROKER, fails(OSError()))
    assert "DHCP" in advice(found, "Jaringan: jalan keluar")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "getent hosts broker.example.go.id"),
        (ConnectionRefusedError(111, "Connection refused"), "is the broker running"),
        (TimeoutError("timed out"), "firewall"),
    ],
)
def test_a_broker_that_cannot_be_reached(machine: Made, error: OSError, words: str) -> None:
    up(machine)
    assert words in advice(network.findings(machine, BROKER, fails(error)), "Jaringan: broker")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def to(server: socket.socket) -> Callable[[str, int], socket.socket]:
    return lambda *_: socket.create_connection(server.getsockname(), 5)


def test_a_line_without_tls_is_said(machine: Made, listening: socket.socket) -> None:
    up(machine)
    found = network.findings(machine, BROKER, to(listening))
    assert "has no TLS" in advice(found, "Jaringan: broker")


def test_certificates_that_are_not_there(
    machine: Made, listening: socket.socket, tmp_path: Path
) -> None:
    up(machine)
    tls = Tls(ca=f"{tmp_path}/ca.pem", certificate=f"{tmp_path}/k.crt", key=f"{tmp_path}/k.key")
    line = Broker(host="127.0.0.1", port=8883, tls=tls)
    assert "TLS fails" in advice(network.findings(machine, line, to(listening)), "Jaringan: broker")


def test_a_broker_that_is_no_tls_server(
    machine: Made, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "kiosk.doctor.network.context", lambda *_, **__: ssl.create_default_context()
    )
    listening.settimeout(5)

    def hangs_up(*_: object) -> socket.socket:
        there = socket.create_connection(listening.getsockname(), 5)
        listening.accept()[0].close()
        return there

    tls = Tls(ca="ca.pem", certificate="k.crt", key="k.key")
    line = Broker(host="127.0.0.1", port=8883, tls=tls)
    assert "TLS fails" in advice(network.findings(machine, line, hangs_up), "Jaringan: broker")


# Serial ports.


def port(machine: Made, name: str = "/dev/serial/by-id/usb-FTDI") -> FingerModule:
    machine.write(name, "")
    machine.path(name).chmod(0o600)
    return FingerModule(name="jari", port=name)


def said(device: str, **more: object) -> list[Port]:
    told = {"driver": "ch341", "kind": "bare wires", "use": "/dev/serial/by-path/x", "why": "why"}
    return [Port(device=device, **{**told, **more})]  # type: ignore[arg-type]


def test_a_port_that_is_not_there(machine: Made) -> None:
    lines = [FingerModule(name="jari", port="/dev/serial0")]
    assert "is it plugged in" in advice(serialports.findings(machine, lines, []), "Port jari")


def test_a_port_that_is_right(machine: Made) -> None:
    found = serialports.findings(machine, [port(machine)], [], ME)
    assert one(found, "Port jari").state is State.GOOD


def test_a_simulators_port_is_no_matter(machine: Made) -> None:
    lines = [FingerModule(name="jari", port="socket://127.0.0.1:1")]
    assert list(serialports.findings(machine, lines, [], ME)) == []


def test_a_name_that_changes(machine: Made) -> None:
    lines = [port(machine, "/dev/ttyUSB0")]
    assert "by-id" in advice(serialports.findings(machine, lines, [], ME), "Port jari")
    found = serialports.findings(machine, lines, said("/dev/ttyUSB0"), ME)
    assert "name it /dev/serial/by-path/x, why" in advice(found, "Port jari")


@pytest.mark.skipif(os.getuid() != 0, reason="a port of somebody else's is made by root only")
def test_a_port_that_the_daemons_user_may_not_open(machine: Made) -> None:
    made = port(machine)
    machine.path(made.port).chmod(0o660)
    found = serialports.findings(machine, [made], [], "nobody")
    assert f"usermod -aG {grp.getgrgid(0).gr_name} nobody" in advice(found, "Port jari")
    machine.path(made.port).chmod(0o666)
    found = serialports.findings(machine, [made], [], "nobody")
    assert one(found, "Port jari").state is State.GOOD


def test_a_port_that_something_else_is_after(machine: Made) -> None:
    made = port(machine, "/dev/ttyAMA0")
    machine.path("/dev/serial0").symlink_to("ttyAMA0")
    lines = [FingerModule(name="jari", port="/dev/serial0")]
    ports = said(made.port, troubles=["the kernel writes its messages there"])
    assert "messages" in advice(serialports.findings(machine, lines, ports, ME), "Port jari")
    ports = said(made.port, holder="minicom, process 812")
    assert "process 812" in advice(serialports.findings(machine, lines, ports, ME), "Port jari")
    ports = said(made.port, holder="kiosk, process 7")
    found = serialports.findings(machine, lines, ports, ME)
    assert one(found, "Port jari").state is State.GOOD


# The installation.


def test_packages_that_somebody_else_has_too(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.touch(0o600)
    ours = {name: ["presensi-kiosk"] for name in install.PACKAGES}
    assert one(install.findings(file, False, ours), "Paket").state is State.GOOD
    theirs = ours | {"sync": ["presensi-kiosk", "sync"]}
    assert "virtual environment" in advice(install.findings(file, False, theirs), "Paket")
    assert one(install.findings(file, False), "Paket").state is State.GOOD, "of this installation"


@pytest.mark.parametrize(
    ("mode", "secrets", "words"),
    [(0o644, True, "chmod o-r"), (0o646, False, "chmod o-w"), (0o644, False, "")],
)
def test_settings_that_others_read(tmp_path: Path, mode: int, secrets: bool, words: str) -> None:
    file = tmp_path / "kiosk.toml"
    file.touch()
    file.chmod(mode)
    fact = one(install.findings(file, secrets, {}), "Pengaturan")
    assert (fact.state is State.GOOD) == (not words)
    assert words in " ".join(fact.advice)


def test_a_program_that_is_not_there_or_fails_says_nothing() -> None:
    assert run_program(("no-such-program",)) is None
    assert run_program(("false",)) is None
    assert run_program(("echo", "x")) == "x\n"
