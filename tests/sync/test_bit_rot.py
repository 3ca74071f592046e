"""A bit flips somewhere in the file: the kiosk goes on by itself, and each punch counts once.

As the daemon does it: what raises Damaged while it works is suspected, and the next start sets it
aside. However the bit lies, at most a few starts lead back to work.
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sync.journal.errors import Damaged, JournalError
from sync.journal.names import files

Office = Any  # tests/sync/conftest.py: Kiosk, Log, Central; a fixture's module has no name here
LogOf = Any
HeadOffice = Any

STARTS_MOST = 3

# Places of the first pages that once kept a kiosk from working for ever, found by flipping 2,500.
KNOWN_BAD = (
    61 * 8,
    517 * 8,
    878 * 8 + 4,
    2916 * 8,
    793 * 8 + 2,
    810 * 8,
    2312 * 8,
    2919 * 8 + 1,
    2980 * 8,
    3507 * 8,
)


@pytest.fixture
def pristine(office: Office, log: LogOf, head_office: HeadOffice, tmp_path: Path) -> Iterator[Path]:
    """Yield a copy of a journal of which central has two thirds."""
    office.read(log)
    office.deliver_all(head_office)
    head_office.back_up()
    log.fill(15)
    office.read(log)
    office.stop()
    copy = tmp_path / "pristine"
    shutil.copytree(office.directory, copy)
    yield copy
    with suppress(JournalError):
        office.start()


def works(office: Office, log: LogOf, head_office: HeadOffice) -> bool:
    """Start, read, deliver, start again and deliver: False where that led to a suspect."""
    try:
        office.start()
        office.read(log)
        office.deliver_all(head_office)
        office.restart()
        office.read(log)
        office.deliver_all(head_office)
    except Damaged as damage:
        office.epochs.suspect(damage.path)
        office.stop()
        return False
    return True


def test_a_bit_anywhere(
    office: Office, log: LogOf, head_office: HeadOffice, pristine: Path
) -> None:
    dice = random.Random(20261126)
    [name] = [path.name for path in files(pristine)]
    size = (pristine / name).stat().st_size
    for bit in (*KNOWN_BAD, *(dice.randrange(size * 8) for _ in range(60))):
        shutil.rmtree(office.directory)
        shutil.copytree(pristine, office.directory)
        head_office.restore()
        path = office.directory / name
        content = bytearray(path.read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        starts = 1
        while not works(office, log, head_office):
            starts += 1
            assert starts <= STARTS_MOST, f"bit {bit}"
        assert head_office.counted() == log.truth, f"bit {bit}"
        office.stop()
