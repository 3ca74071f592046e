"""The bounded run of every fuzz target; `make fuzz` runs each for a million inputs."""

import tracemalloc
from random import Random

import pytest
from fuzz_breed import bred
from fuzz_shape import Script, Target
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.errors import Garbled
from drivers.zkteco.packets import Code, Packet, TcpFramer
from drivers.zkteco.transfer import MAX_TABLE_BYTES, Transfer

BRED = 1500
BOUNDED = settings(
    max_examples=300, deadline=5000, suppress_health_check=[HealthCheck.differing_executors]
)
EVERY = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@EVERY
@BOUNDED
@given(octets=st.binary(max_size=600))
def test_any_bytes(target: Target, octets: bytes) -> None:
    target(octets)


@EVERY
def test_what_is_bred_from_sound_input(target: Target) -> None:
    random = Random(4370)
    for _ in range(BRED):
        target(bred(random, target.seeds))


@EVERY
def test_sound_input_passes(target: Target) -> None:
    """Seeds get somewhere: a target that refuses everything tests nothing."""
    assert target.seeds
    for seed in target.seeds:
        target.run(seed)


def test_an_error_that_is_not_named_is_one() -> None:
    def broken(octets: bytes) -> None:
        raise IndexError(octets)

    with pytest.raises(IndexError):
        Target(broken, (Garbled,))(b"")


def test_a_script_ends() -> None:
    script = Script(b"\1\0")
    assert (script.number(), script.number(), script.number(), bool(script)) == (1, 0, 0, False)


def test_what_is_announced_costs_nothing() -> None:
    """Memory follows what came, not what was said to come."""
    tracemalloc.start()
    try:
        size = MAX_TABLE_BYTES.to_bytes(4, "little")
        Transfer(Packet(Code.PREPARE_DATA, 0, 0, size), "source fuzz")
        framer = TcpFramer()
        framer.push(b"\x50\x50\x82\x7d" + (1 << 20).to_bytes(4, "little"))
        assert framer.pop() is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 16
    finally:
        tracemalloc.stop()
