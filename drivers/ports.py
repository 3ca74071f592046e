"""Which serial ports there are, and by which names that do not change with the next plug.

Only looks, in /sys, /dev and /proc: nothing is opened, nothing is written. To ask an unknown port
what it is would be to write to a stranger.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path("/")

BRIDGES: Final = {
    ("1a86", "7523"): "CH340",
    ("1a86", "5523"): "CH341",
    ("1a86", "55d4"): "CH9102",
    ("1a86", "55d3"): "CH343",
    ("10c4", "ea60"): "CP210x",
    ("0403", "6001"): "FT232R",
    ("0403", "6010"): "FT2232",
    ("0403", "6014"): "FT232H",
    ("0403", "6015"): "FT231X",
    ("067b", "2303"): "PL2303",
    ("067b", "23a3"): "PL2303",
}
"""Chips between USB and bare wires, by vendor and product: what is behind one they do not say."""

BARE: Final = "bare wires behind a {}: a tag reader, a fingerprint module, a Wiegand bridge"
SPEAKS_USB: Final = "speaks USB by itself: a scanner of QR codes or barcodes, a board"
HEADER: Final = "the header's own UART: bare wires, 3.3 V"
OTHER: Final = "a serial port"

_NO_UART: Final = "0"
"""What /sys/class/tty/*/type says where the kernel found no UART at all."""

_SERIAL_CORE: Final = frozenset({"port", "ctrl"})
"""What kernels from 6.5 on put between a UART and its driver."""

_GETTYS: Final = ("etc/systemd/system", "run/systemd/generator", "run/systemd/system")


class Port(Struct, frozen=True, kw_only=True):
    """A serial port of this machine.

    Attributes:
        device: its name until the next plug.
        kind: what is likely there, for people.
        use: what to put into the settings, and `why` this name of all that it has.
        speaks_usb: whether it is a device of its own, and no chip with wires.
        vendor, product_id, maker, product, serial: as USB says; "" where it does not.
        holder: the process that has it open, if it may be seen.
        troubles: what else is after the port, with the next step.
    """

    device: str
    driver: str
    kind: str
    use: str
    why: str
    speaks_usb: bool = False
    vendor: str = ""
    product_id: str = ""
    maker: str = ""
    product: str = ""
    serial: str = ""
    holder: str = ""
    troubles: Sequence[str] = ()


class _Found(Struct):
    """A port as /sys has it."""

    name: str
    driver: str
    usb: Path | None  # the directory of the USB device that it is a part of


def name_of(port: str, root: Path = ROOT) -> str:
    """Return the name that udev gave what is at a port: by its id, else by where it is plugged in.

    Of what udev knows nothing about, a port of the header, its own.
    """
    if "://" in port:
        return port.partition("://")[2]
    device = (root / port.lstrip("/")).resolve()
    for names in ("by-id", "by-path"):
        for link in sorted((root / "dev/serial" / names).glob("*")):
            if link.resolve() == device:
                return link.name
    return device.name


def listed(holder_of: Callable[[str], str], root: Path = ROOT) -> list[Port]:
    """Return every serial port of this machine; `holder_of` says which process has a device open.

    `root` is where dev/, sys/ and proc/ are.
    """
    found = sorted(_found(root), key=lambda one: (one.usb is None, one.name))
    devices = [_usb_id(usb) for usb in {one.usb for one in found}]  # one may have several ports
    return [
        _port(one, root, holder_of, is_unique=devices.count(_usb_id(one.usb)) == 1) for one in found
    ]


def _found(root: Path) -> Iterator[_Found]:
    for tty in (root / "sys/class/tty").glob("*"):
        device = tty / "device"
        if not device.exists():
            continue  # a console, a pseudo-terminal
        if _text(tty / "type") == _NO_UART:
            continue  # a place for one that this machine has not
        at = device.resolve()
        above = [one for one in (at, *at.parents) if root.resolve() in one.parents]
        usb = next((one for one in above if (one / "idVendor").exists()), None)
        yield _Found(tty.name, _driver(above), usb)


def _driver(above: Sequence[Path]) -> str:
    """Return the driver of the first of these that has one of its own."""
    names = ((one / "driver").resolve().name for one in above if (one / "driver").exists())
    return next((name for name in names if name not in _SERIAL_CORE), "")


def _port(one: _Found, root: Path, holder_of: Callable[[str], str], *, is_unique: bool) -> Port:
    vendor, product_id, serial = _usb_id(one.usb) or ("", "", "")
    use, why = _name(one, root, serial=serial, is_unique=is_unique)
    speaks_usb = one.driver == "cdc_acm"
    bridge = BRIDGES.get((vendor, product_id), "chip")
    kind = SPEAKS_USB if speaks_usb else BARE.format(bridge) if one.usb else _header(one, root)
    return Port(
        device=f"/dev/{one.name}",
        driver=one.driver,
        kind=kind,
        use=use,
        why=why,
        speaks_usb=speaks_usb,
        vendor=vendor,
        product_id=product_id,
        maker="" if one.usb is None else _text(one.usb / "manufacturer"),
        product="" if one.usb is None else _text(one.usb / "product"),
        serial=serial,
        holder=holder_of(f"/dev/{one.name}"),
        troubles=tuple(_troubles(one, root)),
    )


def _name(one: _Found, root: Path, *, serial: str, is_unique: bool) -> tuple[str, str]:
    """Return the name for the settings, and why."""
    device = root / "dev" / one.name
    by_id, by_path = (_link(root, names, device) for names in ("by-id", "by-path"))
    if one.usb is None:
        if (root / "dev/serial0").resolve() == device.resolve():
            return "/dev/serial0", "it is the header's, whichever UART the Pi gives it"
        return f"/dev/{one.name}", "it is soldered in: its name does not change"
    if by_id and serial and is_unique:
        return by_id, "it has a serial number of its own: it is known in any socket"
    if by_path:
        lacks = "shares its serial number with another" if serial else "has no serial number"
        return by_path, f"it {lacks}: it is known by its socket, so leave it in this one"
    if by_id:
        return by_id, "udev has no name for its socket; a second one like it would be taken for it"
    return f"/dev/{one.name}", "udev has no other name for it, and this changes with the next plug"


def _link(root: Path, names: str, device: Path) -> str:
    """Return udev's link to a device, "" for none."""
    for link in sorted((root / "dev/serial" / names).glob("*")):
        if link.resolve() == device.resolve():
            return f"/dev/serial/{names}/{link.name}"
    return ""


def _header(one: _Found, root: Path) -> str:
    is_header = (root / "dev/serial0").resolve().name == one.name
    return HEADER if is_header or one.name.startswith("ttyAMA") else OTHER


def _troubles(one: _Found, root: Path) -> Iterator[str]:
    names = {one.name}
    names |= {
        link.name
        for link in (root / "dev/serial0", root / "dev/serial1")
        if link.resolve().name == one.name
    }
    words = _text(root / "proc/cmdline").split()
    if any(word.partition("=")[2].partition(",")[0] in names for word in words if _console(word)):
        yield (
            "the kernel writes its messages there: take console= out of cmdline.txt "
            "(raspi-config, Interface, Serial: no login shell, hardware on) and restart"
        )
    for place in _GETTYS:
        wants = root / place / "getty.target.wants" / f"serial-getty@{one.name}.service"
        if wants.is_symlink() or wants.exists():
            yield (f"a log-in waits there: systemctl disable --now serial-getty@{one.name}.service")
            break
    if one.usb is not None and _modem_manager_looks(one, root):
        yield (
            "ModemManager may try it for a modem: install config/udev/70-presensi-serial.rules "
            "(docs/SERIAL.md), or remove ModemManager"
        )


def _console(word: str) -> bool:
    return word.startswith("console=")


def _modem_manager_looks(one: _Found, root: Path) -> bool:
    if not any((root / at / "ModemManager").exists() for at in ("usr/sbin", "usr/bin")):
        return False
    number = _text(root / "sys/class/tty" / one.name / "dev")
    return "E:ID_MM_DEVICE_IGNORE=1" not in _text(root / "run/udev/data" / f"c{number}").split("\n")


def _usb_id(usb: Path | None) -> tuple[str, str, str] | None:
    if usb is None:
        return None
    return _text(usb / "idVendor"), _text(usb / "idProduct"), _text(usb / "serial")


def _text(file: Path) -> str:
    """Return a small file's text; "" where it cannot be read."""
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace").strip()
    return ""
