"""Serial ports as /sys, /dev and /proc of a Pi show them, in a tree that a test makes."""

from pathlib import Path

import pytest

from drivers.ports import BARE, HEADER, SPEAKS_USB, Port, listed, name_of


class Pi:
    """A tree with what a Pi's kernel and its udev would say."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for one in ("sys/class/tty", "dev/serial/by-id", "dev/serial/by-path", "proc"):
            (root / one).mkdir(parents=True)
        self.write("proc/cmdline", "console=tty1 root=PARTUUID=1 rootwait")
        (root / "sys/class/tty/tty1").mkdir()  # a console has no device
        self.holders: dict[str, str] = {}

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text + "\n")

    def link(self, name: str, to: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).symlink_to(self.root / to)

    def usb(
        self,
        name: str,
        socket: str,
        ids: str,
        driver: str = "ch341-uart",
        serial: str = "",
        by_id: str = "",
    ) -> None:
        vendor, product = ids.split(":")
        device = f"sys/devices/usb1/{socket}"
        self.write(f"{device}/idVendor", vendor)
        self.write(f"{device}/idProduct", product)
        self.write(f"{device}/product", "USB Serial")
        if serial:
            self.write(f"{device}/serial", serial)
        self._tty(name, f"{device}/{socket}:1.0/{name}", driver)
        self.link(f"dev/serial/by-path/platform-usb-0:{socket}:1.0-port0", f"dev/{name}")
        if by_id:
            link = self.root / "dev/serial/by-id" / by_id
            link.unlink(missing_ok=True)  # of two with one name the last one has it
            self.link(f"dev/serial/by-id/{by_id}", f"dev/{name}")

    def uart(self, name: str, driver: str = "uart-pl011", kind: str = "32") -> None:
        at = f"sys/devices/platform/soc/{name}.serial"
        self._tty(name, f"{at}/{name}:0/{name}:0.0", driver="port")
        (self.root / at).mkdir(parents=True, exist_ok=True)
        (self.root / f"sys/bus/drivers/{driver}").mkdir(parents=True, exist_ok=True)
        self.link(f"{at}/driver", f"sys/bus/drivers/{driver}")
        self.write(f"sys/class/tty/{name}/type", kind)

    def _tty(self, name: str, at: str, driver: str) -> None:
        (self.root / at).mkdir(parents=True)
        (self.root / f"sys/bus/drivers/{driver}").mkdir(parents=True, exist_ok=True)
        self.link(f"{at}/driver", f"sys/bus/drivers/{driver}")
        self.write(f"dev/{name}", "")
        self.write(f"sys/class/tty/{name}/dev", "188:0")
        self.link(f"sys/class/tty/{name}/device", at)

    def ports(self) -> dict[str, Port]:
        found = listed(lambda device: self.holders.get(device, ""), self.root)
        return {one.device: one for one in found}


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def test_there_may_be_none(pi: Pi) -> None:
    assert pi.ports() == {}


def test_one_with_a_serial_number_is_known_in_any_socket(pi: Pi) -> None:
    pi.usb("ttyUSB0", "1-1.2", "10c4:ea60", "cp210x", "0001A7", "usb-SiLabs_CP2102_0001A7-if00")
    (one,) = pi.ports().values()
    assert one.use == "/dev/serial/by-id/usb-SiLabs_CP2102_0001A7-if00"
    assert "known in any socket" in one.why
    assert (one.vendor, one.product_id, one.serial) == ("10c4", "ea60", "0001A7")
    assert (one.driver, one.kind) == ("cp210x", BARE.format("CP210x"))


def test_one_without_is_known_by_its_socket(pi: Pi) -> None:
    """A CH340 has none: its by-id name is any CH340's."""
    pi.usb("ttyUSB0", "1-1.2", "1a86:7523", by_id="usb-1a86_USB2.0-Serial-if00-port0")
    (one,) = pi.ports().values()
    assert one.use == "/dev/serial/by-path/platform-usb-0:1-1.2:1.0-port0"
    assert one.why.startswith("it has no serial number")
    assert one.kind == BARE.format("CH340")


def test_two_that_share_a_serial_number_are_known_by_their_sockets(pi: Pi) -> None:
    for n, socket in enumerate(("1-1.2", "1-1.3")):
        pi.usb(f"ttyUSB{n}", socket, "10c4:ea60", "cp210x", "0001", "usb-SiLabs_0001-if00")
    uses = [one.use for one in pi.ports().values()]
    assert uses == [f"/dev/serial/by-path/platform-usb-0:1-1.{n}:1.0-port0" for n in (2, 3)]
    assert "shares its serial number with another" in pi.ports()["/dev/ttyUSB0"].why


def test_two_ports_of_one_chip_share_its_number_and_are_no_doubles(pi: Pi) -> None:
    pi.usb("ttyUSB0", "1-1.2", "0403:6010", "ftdi_sio", "FT1", "usb-FTDI_FT1-if00-port0")
    at = "sys/devices/usb1/1-1.2/1-1.2:1.1/ttyUSB1"
    pi._tty("ttyUSB1", at, "ftdi_sio")
    pi.link("dev/serial/by-id/usb-FTDI_FT1-if01-port0", "dev/ttyUSB1")
    uses = [one.use for one in pi.ports().values()]
    assert uses == [f"/dev/serial/by-id/usb-FTDI_FT1-if0{n}-port0" for n in (0, 1)]


def test_a_scanner_speaks_usb_by_itself(pi: Pi) -> None:
    pi.usb("ttyACM0", "1-1.4", "26f1:8803", "cdc_acm", "GM65-1", "usb-GM_GM65-1-if00")
    (one,) = pi.ports().values()
    assert (one.kind, one.speaks_usb) == (SPEAKS_USB, True)


def test_the_headers_uart_and_a_place_for_one(pi: Pi) -> None:
    pi.uart("ttyAMA0")
    pi.uart("ttyS1", "serial8250", kind="0")
    pi.link("dev/serial0", "dev/ttyAMA0")
    (one,) = pi.ports().values()
    assert (one.device, one.use, one.kind) == ("/dev/ttyAMA0", "/dev/serial0", HEADER)
    assert one.driver == "uart-pl011", "what serial core puts before it is none"
    assert one.troubles == ()


@pytest.mark.parametrize("console", ["serial0,115200", "ttyAMA0,115200", "ttyAMA0"])
def test_the_kernels_console_is_in_the_way(pi: Pi, console: str) -> None:
    pi.uart("ttyAMA0")
    pi.link("dev/serial0", "dev/ttyAMA0")
    pi.write("proc/cmdline", f"console={console} console=tty1 root=PARTUUID=1")
    (trouble,) = pi.ports()["/dev/ttyAMA0"].troubles
    assert "cmdline.txt" in trouble


def test_a_log_in_is_in_the_way(pi: Pi) -> None:
    pi.uart("ttyAMA0")
    name = "etc/systemd/system/getty.target.wants/serial-getty@ttyAMA0.service"
    (pi.root / name).parent.mkdir(parents=True)
    (pi.root / name).symlink_to("/lib/systemd/system/serial-getty@.service")
    (trouble,) = pi.ports()["/dev/ttyAMA0"].troubles
    assert "systemctl disable --now serial-getty@ttyAMA0.service" in trouble


def test_modem_manager_is_kept_off_or_told_of(pi: Pi) -> None:
    pi.usb("ttyACM0", "1-1.4", "26f1:8803", "cdc_acm")
    assert pi.ports()["/dev/ttyACM0"].troubles == ()
    pi.write("usr/sbin/ModemManager", "")
    (trouble,) = pi.ports()["/dev/ttyACM0"].troubles
    assert "70-presensi-serial.rules" in trouble
    pi.write("run/udev/data/c188:0", "S:serial/by-id/x\nE:ID_MM_DEVICE_IGNORE=1\nG:systemd")
    assert pi.ports()["/dev/ttyACM0"].troubles == ()


def test_who_has_it_open_is_told(pi: Pi) -> None:
    pi.usb("ttyUSB0", "1-1.2", "1a86:7523")
    pi.holders["/dev/ttyUSB0"] = "minicom, process 812"
    assert pi.ports()["/dev/ttyUSB0"].holder == "minicom, process 812"


def test_without_udevs_names(pi: Pi) -> None:
    pi.usb("ttyUSB0", "1-1.2", "1a86:7523", by_id="usb-1a86_USB2.0-Serial-if00-port0")
    (pi.root / "dev/serial/by-path/platform-usb-0:1-1.2:1.0-port0").unlink()
    one = pi.ports()["/dev/ttyUSB0"]
    assert one.use.startswith("/dev/serial/by-id/")
    assert "a second one like it would be taken for it" in one.why
    (pi.root / "dev/serial/by-id/usb-1a86_USB2.0-Serial-if00-port0").unlink()
    one = pi.ports()["/dev/ttyUSB0"]
    assert one.use == "/dev/ttyUSB0"
    assert "changes with the next plug" in one.why


def test_a_readers_name_is_udevs(pi: Pi) -> None:
    pi.usb("ttyUSB0", "1-1.2", "1a86:7523", by_id="usb-1a86-if00")
    assert name_of("/dev/ttyUSB0", pi.root) == "usb-1a86-if00"
    (pi.root / "dev/serial/by-id/usb-1a86-if00").unlink()
    assert name_of("/dev/ttyUSB0", pi.root) == "platform-usb-0:1-1.2:1.0-port0"
    assert name_of("/dev/ttyAMA0", pi.root) == "ttyAMA0"
    assert name_of("socket://127.0.0.1:7000", pi.root) == "127.0.0.1:7000"


def test_nothing_is_opened_that_is_a_port(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    pi.usb("ttyUSB0", "1-1.2", "1a86:7523", serial="x", by_id="usb-1a86_x-if00")
    opened: list[str] = []
    real = Path.read_text

    def noted(self: Path, *args: str, **more: str) -> str:
        opened.append(str(self.relative_to(pi.root)))
        return real(self, *args, **more)

    monkeypatch.setattr(Path, "read_text", noted)
    pi.ports()
    assert opened
    assert not [one for one in opened if one.startswith("dev/")]
