"""A column in PostgreSQL's binary form is what psycopg reads from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format

from sync.central.store.arrays import Array, Kind, join, pack

VALUES = {
    Kind.BIGINT: st.integers(-(2**63), 2**63 - 1),
    Kind.BOOLEAN: st.booleans(),
    Kind.BYTES: st.binary(max_size=40),
    Kind.TEXT: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
}


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_what_is_packed_is_what_is_read(kind, data):
    values = data.draw(st.lists(st.none() | VALUES[kind], min_size=1, max_size=20))
    loader = Transformer().get_loader(kind.value[2], Format.BINARY)
    assert loader.load(pack(Array(kind, values))) == values


@pytest.mark.parametrize("values", [[2**63], [None, -(2**63) - 1]])
def test_what_does_not_fit_is_said(values):
    with pytest.raises(OverflowError, match="64 bits"):
        pack(Array(Kind.BIGINT, values))


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_what_is_joined_is_packed_like_one(kind, data):
    few = st.none() | (VALUES[kind] if data.draw(st.booleans()) else st.just(None))
    parts = data.draw(st.lists(st.lists(few, min_size=1, max_size=4), min_size=1, max_size=4))
    arrays = [Array(kind, part) for part in parts]
    for one in arrays:
        if data.draw(st.booleans()):
            _ = one.elements  # before it is joined
    joined, plain = join(arrays), Array(kind, [value for part in parts for value in part])
    assert (joined.values, joined.is_alike) == (plain.values, plain.is_alike)
    assert pack(joined) == pack(plain)
