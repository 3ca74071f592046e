"""What keeps the machine's clock: without it nobody may be called late."""

from collections.abc import Iterator
from typing import Final

from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact

_KEEPERS: Final = ("chrony", "chronyd", "systemd-timesyncd", "ntpsec", "ntp")
_CHRONY: Final = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")


def findings(machine: Machine) -> Iterator[Fact]:
    """Yield who sets the clock, and what keeps the time while the power is off."""
    active = [
        one
        for one in _KEEPERS
        if (machine.run(("systemctl", "is-active", one)) or "").strip() == "active"
    ]
    yield _keeper(machine, active)
    yield _rtc(machine)


def _keeper(machine: Machine, active: list[str]) -> Fact:
    advice = []
    if not active:
        advice.append(
            "nothing sets the clock by the network: apt-get install chrony. Without a network a "
            "technician's witness does it: kiosk clock witness (docs/TIME.md)"
        )
    if any(one.startswith("chrony") for one in active):
        texts = [text for name in _CHRONY if (text := machine.text(name)) is not None]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        if texts and "rtcsync" not in lines:
            advice.append(
                "chrony without `rtcsync` has the kernel say for ever that the clock is not "
                f"synchronised: add the line rtcsync to {_CHRONY[0]}, then systemctl restart chrony"
            )
    if len(active) > 1:
        advice.append(f"{' and '.join(active)} both set the clock: stop one of them")
    return fact("Penjaga jam", ", ".join(active) or "tidak ada", advice)


def _rtc(machine: Machine) -> Fact:
    clocks = machine.all("/sys/class/rtc/rtc*/since_epoch")
    if not clocks:
        return fact(
            "Jam perangkat (RTC)",
            "tidak ada",
            [
                "without a clock that runs while the power is off, every start begins with a time "
                "that nobody can vouch for, until the network or a technician tells it: add a "
                "DS3231 (Pi 3, 4) or the battery (Pi 5)"
            ],
        )
    seconds = machine.number(machine.name(clocks[0]))
    year_2025 = 1_735_689_600
    advice = []
    if seconds is None or seconds < year_2025:
        advice.append("it has forgotten the time: its battery is empty, or not there")
    return fact("Jam perangkat (RTC)", clocks[0].parent.name, advice)
