"""However the line cuts, repeats, swaps and loses batches, central ends with the journal."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.central.audit import Audit
from sync.protocol import entry

STAMP = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)


@st.composite
def journals(draw):
    """Return bodies: punches (some reported twice), coverage, and what nobody can read."""
    kinds = draw(st.lists(st.sampled_from("ppppcu"), min_size=1, max_size=30))
    users = draw(st.lists(st.integers(0, 12), min_size=len(kinds), max_size=len(kinds)))
    return list(zip(kinds, users, strict=True))


@st.composite
def deliveries(draw, size):
    """Return (first, last) of batches in the order in which they arrive."""
    firsts = st.integers(1, size)
    cuts = st.tuples(firsts, st.integers(0, 8)).map(lambda cut: (cut[0], min(size, sum(cut))))
    return draw(st.lists(cuts, max_size=12))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), plan=journals())
def test_central_ends_with_the_journal(data, plan, central, make_kiosk):
    kiosk = make_kiosk()
    for kind, user in plan:
        if kind == "p":
            kiosk.punch(user=str(user))
        elif kind == "u":
            kiosk.body(b"\xff%d" % user)
        else:
            kiosk.add(
                entry.Coverage(
                    at=STAMP, source="s", terminal="t", through="x", zone="z", records=user
                )
            )
    size = len(kiosk.bodies)
    central.clear()
    central.admit(kiosk)
    central.hello(kiosk)
    through, came = 0, set()
    for first, last in data.draw(deliveries(size)):
        receipt = central.batch(kiosk, first, last)
        came |= set(range(first, last + 1))
        prefix = next(seq for seq in range(1, size + 2) if seq not in came) - 1
        assert receipt.through == prefix
        assert receipt.through >= through
        assert receipt.head == kiosk.hash_at(prefix).hex()
        through = receipt.through
    while through < size:  # the edge sends again what has no receipt
        last = min(size, through + data.draw(st.integers(1, 10)))
        receipt = central.batch(kiosk, through + 1, last)
        assert receipt.through >= last
        through = receipt.through
    held = central.held(kiosk)
    rows, found = central.shown(), central.stats()
    assert central.hello(kiosk).through == size
    assert [(one.seq, one.hash, one.body) for one in held] == list(
        zip(range(1, size + 1), kiosk.hashes, kiosk.bodies, strict=True)
    )
    assert all(one.linked for one in held)
    punches = [(seq, user) for seq, (kind, user) in enumerate(plan, 1) if kind == "p"]
    assert sorted((row.seq, int(row.user)) for row in rows) == punches
    assert found.counted == len({user for _, user in punches})
    with_alarm = any(kind == "u" for kind, _ in plan)
    assert found.alarms == with_alarm
    with central.store.reading() as tx:
        _, verdict = Audit(tx, central.authority.keys).verify(["lobi"])
    assert verdict.faults == verdict.notes == []
    assert (verdict.entries, verdict.through, verdict.signed_through) == (size, size, size)
