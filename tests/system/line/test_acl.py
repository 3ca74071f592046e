"""What a kiosk may say and hear: the real config/acl at a real Mosquitto, by CN of certificate."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from line_post import Device, Post

from sync.central.intake import subscriptions
from sync.line import Answered, LineDown, Lost, Message, Subscription, Verdict, Will
from sync.mqtt import Connection
from sync.protocol import topics
from sync.protocol.topics import Down, Up

pytestmark = pytest.mark.slow

WITHIN_S = 10.0


class Ends:
    """Lines of several devices at one broker, with one central that hears."""

    def __init__(self, post: Post, stack: ExitStack) -> None:
        self.post = post
        self._stack = stack
        post.start()
        self.k1, self.k2 = post.kiosk("k1"), post.kiosk("k2")
        filters = [one.filter for one in subscriptions(post.house.authority.group)]
        self.central = self.line(post.central(), *filters)

    def line(self, device: Device, *filters: str, will: Will | None = None) -> Connection:
        made = Connection(
            self.post.where(device.tls(self.post.ca)),
            f"{device.name}.{time.monotonic_ns()}",
            [Subscription(one) for one in filters],
            will=will,
        )
        made.open()
        self._stack.enter_context(closing(made))
        return made

    def heard(self, line: Connection, wait_s: float = WITHIN_S) -> Message | None:
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            event = line.receive(left)
            if isinstance(event, Message):
                line.confirm(event)
                return event
        return None

    def nothing_but_this_comes(self, line: Connection, marker: str) -> None:
        """Send what central may hear, and see that nothing came before it."""
        topic = topics.up("k2", Up.REPLY)
        self.line(self.k2).send(topic, marker.encode())
        got = self.heard(line)
        assert got is not None
        assert (got.topic, got.payload) == (topic, marker.encode())


@pytest.fixture
def ends(post: Post) -> Iterator[Ends]:
    with ExitStack() as stack:
        yield Ends(post, stack)


def answer(line: Connection) -> Answered:
    event = line.receive(WITHIN_S)
    assert isinstance(event, Answered)
    return event


def test_a_kiosk_says_its_own_and_hears_its_own(ends: Ends) -> None:
    line = ends.line(ends.k1, topics.all_down("k1"))
    for what in Up:
        line.send(topics.up("k1", what), what.value.encode())
        assert answer(line).verdict is Verdict.TAKEN
        got = ends.heard(ends.central)
        assert got is not None
        assert (got.topic, got.payload) == (topics.up("k1", what), what.value.encode())
    for what in Down:
        ends.central.send(topics.down("k1", what), b"word")
        got = ends.heard(line)
        assert got is not None
        assert got.topic == topics.down("k1", what)


@pytest.mark.parametrize(
    "topic",
    [
        topics.up("k2", Up.HELLO),
        topics.up("k2", Up.STATE),
        topics.down("k2", Down.RECEIPT),
        topics.down("k1", Down.RECEIPT),
        topics.up("presensi-central", Up.BATCH),
        "presensi/v1/k1/up/hello/more",
        "presensi/v2/k1/up/hello",
        "anything",
        "$SYS/broker/version",
    ],
)
def test_what_is_not_its_own_is_refused_and_said(ends: Ends, topic: str) -> None:
    line = ends.line(ends.k1)
    line.send(topic, b"forged")
    assert answer(line) == Answered(1, Verdict.REFUSED, "Not authorized")
    # Mosquitto 2.0.11 hangs up after such an answer. That is no harm, and no secret.
    assert isinstance(event := line.receive(2.0), Lost | None)
    assert event is None or isinstance(event.error, LineDown)
    said = subprocess.run(
        ["mosquitto_pub", "-h", "localhost", "-p", str(ends.post.running.port), "-V", "5",
         "-q", "1", "-t", topic, "-m", "forged", "--cafile", str(ends.post.ca),
         "--cert", str(ends.k1.certificate), "--key", str(ends.k1.key_file)],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert "Not authorized" in said.stderr
    ends.nothing_but_this_comes(ends.central, topic)


@pytest.mark.parametrize(
    "filters",
    [
        ["#"],
        ["presensi/v1/+/down/+"],
        ["presensi/v1/+/up/+"],
        ["presensi/v1/k2/down/receipt"],
        ["$share/central-hello/presensi/v1/+/up/hello", "$share/x/presensi/v1/+/down/+"],
    ],
)
def test_a_kiosk_that_listens_to_others_hears_nothing_of_theirs(
    ends: Ends, filters: list[str]
) -> None:
    """Mosquitto 2.0.11 grants every subscription and keeps back each message instead.

    Of a shared one too: what the spy is given, its group has lost. So nobody can name central's.
    """
    spy = ends.line(ends.k1, *filters, topics.all_down("k1"))
    foreign = subprocess.Popen(
        ["mosquitto_sub", "-h", "localhost", "-p", str(ends.post.running.port), "-V", "5",
         "-W", "2", "-F", "%t", "-t", filters[0], "--cafile", str(ends.post.ca),
         "--cert", str(ends.k1.certificate), "--key", str(ends.k1.key_file)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    victim = ends.line(ends.k2, topics.all_down("k2"))
    for n in range(5):
        ends.central.send(topics.down("k2", Down.RECEIPT), b"secret")
        victim.send(topics.up("k2", Up.HELLO), b"secret")
        assert ends.heard(victim) is not None
        assert ends.heard(ends.central) is not None, n  # no share of it went to the spy
    ends.central.send(topics.down("k1", Down.COMMAND), b"mine")
    got = ends.heard(spy)
    assert got is not None
    assert got.topic == topics.down("k1", Down.COMMAND)
    heard, _ = foreign.communicate(timeout=10)
    assert set(heard.split()) <= {topics.down("k1", Down.COMMAND)}


def test_a_kiosk_cannot_leave_a_will_in_anothers_name(ends: Ends) -> None:
    own = Will(topics.up("k1", Up.STATE), b"own")
    forged = Will(topics.up("k2", Up.STATE), b"forged")
    for will in (forged, own):
        dying = ends.line(ends.k1, will=will)
        here = dying._client.socket()
        assert here is not None
        here.shutdown(2)
    got = ends.heard(ends.central)
    assert got is not None
    assert got.payload == b"own"


def test_two_kiosks_under_one_name_are_told_apart_by_their_certificate(ends: Ends) -> None:
    """A kiosk whose settings carry another's id is refused, whatever its messages say."""
    line = ends.line(ends.k1, topics.all_down("k2"), will=None)
    line.send(topics.up("k2", Up.HELLO), b"hello")
    assert answer(line).verdict is Verdict.REFUSED
