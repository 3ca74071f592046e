"""Types that several threads decode for the first time: a trap, and that we are out of it."""

import subprocess
import sys

import pytest

from sync.firstuse import prepare

RACE = """
import sys, threading
sys.setswitchinterval(1e-6)
import msgspec
from kiosk.settings import Settings
from sync.firstuse import prepare
assert prepare() > 20  # without this line most runs end by signal 11
text = open("config/kiosk.toml", "rb").read()
together = threading.Barrier(4)
def first():
    together.wait()
    assert msgspec.toml.decode(text, type=Settings).kiosk
threads = [threading.Thread(target=first) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
"""


def test_every_type_is_prepared_and_again_costs_nothing() -> None:
    assert prepare() == prepare() > 20


@pytest.mark.slow
def test_prepared_types_are_decoded_by_many_threads_at_once() -> None:
    for _ in range(10):
        assert subprocess.run([sys.executable, "-c", RACE], check=False).returncode == 0
