"""The model under the lab: whatever is written, a power cut leaves what it says."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.crash.disk import CUTS, Cut, Directory, Disk, File, Names, Resize, Tear, Write

changes = st.lists(
    st.one_of(
        st.builds(Write, st.integers(0, 3000), st.binary(min_size=1, max_size=1500)),
        st.builds(Resize, st.integers(0, 3000)),
        st.none(),  # a sync
    ),
    max_size=12,
)


@given(changes)
def test_all_kept_is_what_a_program_sees_and_none_kept_is_the_last_sync(
    happened: list[Write | Resize | None],
) -> None:
    file, synced = File(), b""
    for change in happened:
        if change is None:
            file.sync()
            synced = bytes(file.now)
        else:
            file.change(change)
    assert file.after(Cut(100), Random(1)).now == file.now
    assert file.after(Cut(0), Random(1)).now == synced
    for cut in CUTS:
        left = file.after(cut, Random(1))
        assert left.now == left.safe
        assert not left.unsynced


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers())
def test_a_torn_write_is_shorter_and_ends_where_it_may(offset: int, size: int, seed: int) -> None:
    whole = Write(offset, bytes(size))
    sector = whole.torn(Tear.SECTOR, Random(seed))
    assert sector == whole or (offset + len(sector.content)) % 512 == 0
    assert 1 <= len(sector.content) <= size
    anywhere = whole.torn(Tear.ANYWHERE, Random(seed))
    assert len(anywhere.content) == 1 if size == 1 else 1 <= len(anywhere.content) < size


def test_names_survive_in_order() -> None:
    for seed in range(50):
        disk = Disk(Names.STRICT)
        for name in "abc":
            disk.put(f"/{name}", File())
        left = disk.after(Cut(50), Random(seed)).root.now
        assert list(left) == list("abc")[: len(left)]


def test_only_a_journal_of_names_makes_them_safe_with_any_sync() -> None:
    for names, there in ((Names.STRICT, False), (Names.JOURNALLED, True)):
        disk = Disk(names)
        disk.put("/d", Directory())
        file = File(b"x")
        disk.put("/d/f", file)
        disk.sync(file)
        assert ("d" in disk.after(Cut(0), Random(1)).root.now) is there
