"""`kiosk devices ports`: the serial ports of this machine, and how to name one in the settings.

Needs no daemon and opens no port.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from drivers.options import SerialLine
from drivers.ports import Port, listed
from drivers.serialport import holder_of
from kiosk.cli.exits import Exit
from kiosk.settings import load
from sync.settingsfile import SettingsError

_NONE: Final = "no serial port is there: nothing is plugged in, and the header's UART is off\n"

_BLOCK: Final = """\
[[sources]]
kind = "{kind}"{others}
name = "{name}"
port = "{port}"
"""


class Shown(Struct, frozen=True):
    """A port, and the configured source that it is of; "" for none."""

    port: Port
    source: str


def show(config: Path | None, *, as_json: bool) -> int:
    """Print them; without settings, `config` None, none is of a source."""
    sources, trouble = ({}, "") if config is None else _configured(config)
    shown = [Shown(port, sources.get(_device(port.device), "")) for port in listed(holder_of)]
    if as_json:
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
        return Exit.OK
    sys.stdout.write("\n".join(_lines(one) for one in shown) or _NONE)
    free = [one.port for one in shown if not one.source]
    if free:
        sys.stdout.write("\nFor kiosk.toml, what no source has yet:\n\n")
        sys.stdout.write("\n".join(_blocks(free, sources.values())))
    if trouble:
        sys.stderr.write(f"which port is of which source is not known: {trouble}\n")
    return Exit.OK


def _configured(config: Path) -> tuple[dict[Path, str], str]:
    """Return the sources by the devices that their ports lead to now, and why not all are known."""
    try:
        sources = load(config).settings.sources
    except SettingsError as error:
        return {}, str(error)
    return {_device(one.port): one.name for one in sources if isinstance(one, SerialLine)}, ""


def _device(port: str) -> Path:
    return Path(port).resolve()


def _lines(one: Shown) -> str:
    port = one.port
    usb = f", USB {port.vendor}:{port.product_id}" if port.vendor else ""
    words = " ".join(filter(None, (port.maker, port.product)))
    lines = [f"{port.device}   {f'source {one.source}' if one.source else 'no source'}"]
    lines += [f"  is         {port.kind}"]
    lines += [f"  says       {words or 'nothing of itself'}{usb}, driver {port.driver or '?'}"]
    lines += [f"  serial     {port.serial or 'none'}"]
    lines += [f"  name it    {port.use}", f"             {port.why}"]
    lines += [f"  open       {port.holder}"] if port.holder else []
    lines += [f"  TROUBLE    {said}" for said in port.troubles]
    return "\n".join(lines) + "\n"


def _blocks(free: Sequence[Port], names: Iterable[str]) -> list[str]:
    taken, blocks = set(names), []
    for port in free:
        kind = "code" if port.speaks_usb else "tag"
        kinds = ("line", "pinpad", "tag") if port.speaks_usb else ("fingerprint", "line", "pinpad")
        others = "  # or " + ", ".join(f'"{one}"' for one in kinds) + ": what is at its other end"
        name = next(name for n in range(1, len(taken) + 2) if (name := f"pembaca{n}") not in taken)
        taken.add(name)
        blocks.append(_BLOCK.format(kind=kind, others=others, name=name, port=port.use))
    return blocks
