"""The disk that the journal is on: room, faults that the kernel has met, how worn it is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact

ROOM_LEAST: Final = 0.10
INODES_LEAST: Final = 0.05
WORN_FROM: Final = 8
"""Of eleven tenths that JEDEC's life_time counts: 8 means that 70 to 80 % is used."""


def findings(machine: Machine, data: Path) -> Iterator[Fact]:
    """Yield what there is to say of the file system that `data` is on."""
    yield from _room(data)
    device, options = _mounted(machine, data)
    if device:
        yield _faults(machine, device, options)
    yield from _wear(machine)


def _room(data: Path) -> Iterator[Fact]:
    try:
        found = os.statvfs(data)
    except OSError as error:
        yield fact(
            "Kartu: ruang", f"{data}: {error.strerror}", bad=True,
            advice=["the data directory cannot be read: run this as root, or as the kiosk's user"],
        )  # fmt: skip
        return
    free = found.f_bavail / found.f_blocks if found.f_blocks else 1.0
    inodes = found.f_favail / found.f_files if found.f_files else 1.0
    advice = []
    if free < ROOM_LEAST:
        advice.append(
            f"only {free:.0%} of the disk is free: at 10 % the kiosk refuses what can wait, at 0 "
            "it cannot record. Look what fills it: du -xh / | sort -h | tail"
        )
    if inodes < INODES_LEAST:
        advice.append(f"only {inodes:.0%} of the inodes are free: very many small files somewhere")
    room = found.f_bavail * found.f_frsize / 1e9
    yield fact("Kartu: ruang", f"{room:.1f} GB, {free:.0%}", advice, bad=free < ROOM_LEAST / 5)


def _mounted(machine: Machine, data: Path) -> tuple[str, list[str]]:
    """Return device and options of the mount that has `data`; "" where nobody can say."""
    best, found = -1, ("", list[str]())
    for line in (machine.text("/proc/self/mounts") or "").splitlines():
        device, where, _, options, *_ = [*line.split(), "", "", "", ""]
        place = Path(where.replace("\\040", " "))
        if device.startswith("/dev/") and data.is_relative_to(place) and len(where) > best:
            best, found = len(where), (device.removeprefix("/dev/"), options.split(","))
    return found


def _faults(machine: Machine, device: str, options: list[str]) -> Fact:
    advice = []
    if "ro" in options:
        advice.append(
            "the file system is mounted read-only, most often after a fault: nothing is recorded "
            "on it. Replace the card; what central lacks is on the second medium, if there is one"
        )
    errors = machine.number(f"/sys/fs/ext4/{device}/errors_count") or 0
    if errors:
        advice.append(
            f"the file system has met {errors} faults: the card is failing. Replace it soon; "
            "fsck at the next start, with the kiosk stopped"
        )
    return fact("Kartu: kesalahan", f"{device}, {errors} kesalahan", advice, bad=bool(advice))


def _wear(machine: Machine) -> Iterator[Fact]:
    """Yield how worn a card is, where it says so: eMMC and some industrial cards do."""
    for device in machine.all("/sys/block/mmcblk*/device"):
        name = device.parent.name
        told = machine.text(f"/sys/block/{name}/device/life_time")
        made = machine.text(f"/sys/block/{name}/device/date") or "?"
        if told is None:
            yield fact("Kartu: keausan", f"{name} ({made}) tidak memberi tahu")
            continue
        used = max(int(one, 16) for one in told.split())
        end = machine.number(f"/sys/block/{name}/device/pre_eol_info", 16) or 0
        advice = []
        if used >= WORN_FROM or end > 1:
            advice.append(
                f"{min(used, 10) * 10} % of its life is used"
                + (", and its spare blocks run out" if end > 1 else "")
                + ": have another card ready, made by kiosk setup, before this one fails"
            )
        yield fact("Kartu: keausan", f"{name} ({made}), {min(used, 10) * 10} %", advice,
                   bad=used > 10 or end > 2)  # fmt: skip
