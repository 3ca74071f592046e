"""The computer itself: memory, temperature, power."""

from collections.abc import Iterator
from typing import Final

from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact

MEMORY_LEAST: Final = 0.10
HOT_FROM: Final = 75
TOO_HOT_FROM: Final = 82
"""Degrees Celsius; a Pi slows itself down from 80 on, and from 85 on hard."""

_NOW: Final = 0x1
_EVER: Final = 0x10000
"""Bits of get_throttled: the voltage is too low now, or was since the start."""

_SLOWED: Final = 0x4


def findings(machine: Machine) -> Iterator[Fact]:
    """Yield what there is to say of the board."""
    yield from _memory(machine)
    yield from _heat(machine)
    yield from _power(machine)


def _memory(machine: Machine) -> Iterator[Fact]:
    sizes = {}
    for line in (machine.text("/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        if rest.split():
            sizes[name] = int(rest.split()[0])
    total, free = sizes.get("MemTotal", 0), sizes.get("MemAvailable", 0)
    if not total:
        return
    killed = 0
    for line in (machine.text("/proc/vmstat") or "").splitlines():
        if line.startswith("oom_kill "):
            killed = int(line.split()[1])
    advice = []
    if free / total < MEMORY_LEAST:
        advice.append(
            f"only {free // 1024} MiB of {total // 1024} are free: the kernel will end something. "
            "What else runs here? ps axo rss,args --sort -rss | head"
        )
    if killed:
        advice.append(
            f"the kernel has ended {killed} processes for want of memory since the start: "
            "journalctl -k -g oom. A camera wants 1 GB, a screen another half"
        )
    yield fact("Memori", f"{free // 1024} dari {total // 1024} MiB bebas", advice)


def _heat(machine: Machine) -> Iterator[Fact]:
    degrees = [
        millis / 1000
        for zone in machine.all("/sys/class/thermal/thermal_zone*/temp")
        if (millis := machine.number(machine.name(zone))) is not None
    ]
    if degrees:
        hottest = max(degrees)
        advice = [
            "it slows itself down when it is hotter, and ages: give it air, a heat sink, and a "
            "place out of the sun"
        ]
        yield fact("Suhu", f"{hottest:.0f} °C", advice if hottest >= HOT_FROM else (),
                   bad=hottest >= TOO_HOT_FROM)  # fmt: skip


def _power(machine: Machine) -> Iterator[Fact]:
    """Yield whether a Raspberry Pi gets enough voltage; another machine does not say."""
    flags = machine.number("/sys/devices/platform/soc/soc:firmware/get_throttled", 16)
    if flags is None:
        told = machine.run(("vcgencmd", "get_throttled")) or ""
        try:
            flags = int(told.strip().partition("=")[2], 16)
        except ValueError:
            return
    advice = []
    if flags & (_NOW | _EVER):
        when = "is too low now" if flags & _NOW else "was too low since the start"
        advice.append(
            f"the voltage {when}: cards are damaged by that, and ports lose bytes. Use the Pi's "
            "own power supply and a short thick cable; feed scanners by a powered hub"
        )
    if flags & _SLOWED:
        advice.append("it is slowed down now, by heat or by a weak power supply")
    said = "kurang" if flags & _NOW else "pernah kurang" if flags & _EVER else "cukup"
    yield fact("Tegangan", said, advice, bad=bool(flags & _NOW))
