"""One terminal's side of the conversation: what each of its requests means, and what it is told.

Pure: no socket, no thread, and the time comes in. A request becomes an `Answer`, given at once, or
an `Upload`, whose answer may be given only once all of it is on disk.

Terminals do not keep to an order: after we were away some go on where they were, without a word of
greeting. So every request is taken in every phase; the phase says what is known of the terminal.

    phase        request                     next
    NEW          options, attendance         GREETED
    NEW          options, access             UNREGISTERED     answered with a bare OK
    any          registry                    REGISTERED       answered with a code
    REGISTERED   options, access             REGISTERED       answered with code and settings
    others       options                     as from NEW

Source: the protocol page zk-push.
"""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from drivers.base import Event, Identity, Punch, Witness
from drivers.options import ZkPush
from drivers.zkteco.push import answers, commands, people
from drivers.zkteco.push.answers import OK, Answer, Dialect
from drivers.zkteco.push.asked import Asked, Endpoint, Table, Verb
from drivers.zkteco.push.clock import TrustedNow, local_iso, packed
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.drift import Hand
from drivers.zkteco.push.lines import items, lines, number
from drivers.zkteco.push.operations import operations
from drivers.zkteco.push.place import Place
from drivers.zkteco.push.rows import attlog, rtlog
from drivers.zkteco.push.stamps import TABLES, Stamps

QUERY_EVERY_S: Final = 86_400.0
"""The last days' punches are asked for again at most this often."""

QUERY_BACK: Final = timedelta(days=8)
"""So far back: a week's nights may fail and nothing that a stamp skipped is lost."""

TRANSACTIONS: Final = "transaction"
"""The one table of `tabledata` that holds punches."""

UNKNOWN_TABLE: Final = "terminal table unknown"

_STAMP: Final = re.compile(r"[\x20-\x7e]{1,64}")
_STAMP_NAMES: Final = ("stamp", "opstamp", "photostamp")


class Phase(Enum):
    """What is known of the terminal since this process began."""

    NEW = "new"
    GREETED = "greeted"
    UNREGISTERED = "unregistered"
    REGISTERED = "registered"


class Upload(Struct, frozen=True, kw_only=True):
    """What has to be on disk before `answer` is given."""

    answer: Answer
    punches: Sequence[Punch] = ()
    events: Sequence[Event] = ()
    drift_ms: int | None = None


class Session:
    """What is known of one terminal, and what is to be told. Not safe for threads.

    Attributes:
        place: where it stands; at most as far as what it sent is on disk.
        queue: the commands for it.
        census: whom it tells of, while somebody asks for its users.
        unheeded: its last answer was a refusal, so what comes may be an old request again.
    """

    def __init__(
        self,
        options: ZkPush,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        trusted: TrustedNow,
        code: str,
        first_id: int = 1,
    ) -> None:
        """`now` measures the terminal's clock, `trusted` is what it may be told; `code` is new."""
        self.phase = Phase.NEW
        self.dialect: Dialect | None = None
        self.place = Place(serial=options.serial)
        self.queue = commands.Queue(first_id)
        self.census: people.Census | None = None
        self.unheeded = True
        self.counts: tuple[int, ...] = ()
        self._stamps = Stamps()
        self._options = options
        self._zone = zone
        self._trusted = trusted
        self._code = code
        self._facts: dict[str, str] = {}
        self._queried_s: float | None = None
        self._hand = Hand(zone, now)
        self._admitted = ""  # the address that last showed the communication key

    @property
    def known(self) -> Place:
        """Return `place` with what the terminal has said of itself since."""
        return structs.replace(self.place, **self._facts)

    @property
    def identity(self) -> Identity:
        """Return which device it is, as far as it has said."""
        known = self.known
        return Identity(
            serial=known.serial,
            model=known.model,
            firmware=known.firmware,
            platform=known.platform,
        )

    def recorded(self, place: Place) -> None:
        """Go on from `place`, which is on disk; its stamps may have moved meanwhile."""
        self.place = structs.replace(place, stamps=self.place.stamps)

    def enter(self, asked: Asked) -> None:
        """Note that a request begins to come in; `leave` follows, whatever becomes of it."""
        self._stamps.enter(asked.table.value)

    def leave(self, asked: Asked, *, answered: bool) -> None:
        """Note that it was answered with what it asked for, or was not."""
        table, self.unheeded = asked.table.value, not answered
        if self._stamps.leave(table, answered=answered) and (stamp := _stamp(asked)):
            self.place = structs.replace(self.place, stamps={**self.place.stamps, table: stamp})

    def began(self, place: Place, now_s: float) -> None:
        """Go on from `place`: whoever records is there."""
        self.place = place
        if not place.stamps and self.dialect is Dialect.ATTENDANCE:
            self.queue.put(commands.CHECK, now_s)  # have it ask for the stamps, and send all
        self._plan(now_s)

    def hear(self, asked: Asked, body: bytes, now_s: float) -> Answer | Upload:
        """Return what a request means, once it is admitted. Raises Declined."""
        match asked.endpoint:
            case Endpoint.CDATA if asked.verb is Verb.GET:
                return self._start(asked, now_s)
            case Endpoint.CDATA:
                return self._upload(asked, body)
            case Endpoint.QUERYDATA:
                return self._table(asked, body)
            case Endpoint.GETREQUEST:
                return self._poll(asked, now_s)
            case Endpoint.DEVICECMD:
                return self._results(body, now_s)
            case Endpoint.REGISTRY:
                self._note(items(body))
                self.phase, self.dialect = Phase.REGISTERED, Dialect.ACCESS
                return Answer(200, f"RegistryCode={self._code}\n")
            case Endpoint.PUSH:
                return answers.access_settings(self._code, registered=False)
            case Endpoint.RTDATA:
                return self._time(Dialect.ACCESS) if asked.query.get("type") == "time" else OK
            case Endpoint.PING | Endpoint.FDATA | Endpoint.EXCHANGE:
                return OK

    def knows(self, address: str) -> bool:
        """Return whether a caller from `address` need not show the communication key."""
        return not self._options.comm_key or self._admitted == address

    def admit(self, asked: Asked, address: str) -> None:
        """Have a terminal with a communication key show it first of all. Raises Declined."""
        wanted = self._options.comm_key
        if not wanted:
            return
        shown = asked.query.get("pushcommkey", "")
        if hmac.compare_digest(shown.encode(), wanted.encode()):
            self._admitted = address
        if self._admitted != address or shown not in ("", wanted):
            raise Declined(403, "the communication key is wrong or was not shown")

    # Start-up.

    def _start(self, asked: Asked, now_s: float) -> Answer:
        if asked.query.get("type") == "time":
            return self._time(self.dialect)
        if "options" not in asked.query:
            return OK
        self.dialect = answers.dialect_of(asked.query)
        if self.dialect is Dialect.ACCESS:
            if self.phase is Phase.REGISTERED:
                return answers.access_settings(self._code, registered=True)
            self.phase = Phase.UNREGISTERED
            return OK
        self.phase = Phase.GREETED
        self._stamps.tell()
        self._plan(now_s)
        return answers.option_list(
            self._options.serial, self.dialect, self.place.stamps, self._trusted(), self._zone
        )

    def _time(self, dialect: Dialect | None) -> Answer:
        now = self._trusted()
        if now is None:
            raise Declined(503, "this kiosk's clock is not trusted: no time is told")
        if dialect is Dialect.ACCESS:
            return Answer(200, packed(now, self._zone))
        return Answer(200, f"Time={local_iso(now, self._zone)}")

    def _plan(self, now_s: float) -> None:
        """Queue what is worth asking an attendance terminal, now and then."""
        now = self._trusted()
        if self.dialect is not Dialect.ATTENDANCE or now is None:
            return
        if self._queried_s is not None and now_s - self._queried_s < QUERY_EVERY_S:
            return
        self._queried_s = now_s
        local = now.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
        since, until = local - QUERY_BACK, local + timedelta(days=1)
        self.queue.put(commands.INFO, now_s)
        self.queue.put(commands.query_attlog(since.isoformat(" "), until.isoformat(" ")), now_s)

    # Uploads.

    def _upload(self, asked: Asked, body: bytes) -> Upload:
        serial = self._options.serial
        match asked.table:
            case Table.ATTLOG:
                punches = attlog(body, serial)
                return self._of(asked, f"OK: {len(punches)}", punches=punches)
            case Table.RTLOG:
                return self._of(asked, "OK", punches=rtlog(body, serial))
            case Table.OPERLOG:
                self._told_of(body)
                return self._of(asked, "OK", events=operations(body))
            case Table.TABLEDATA:
                return self._table(asked, body)
            case Table.OPTIONS | Table.RTSTATE:
                told = items(body)
                self._note(told)
                when = told.get("datetime", "") or told.get("time", "")
                drift_ms = None if self.unheeded else self._hand.drift_ms(when)
                return self._of(asked, "OK", drift_ms=drift_ms)
            case Table.ATTPHOTO | Table.BIODATA | Table.USERINFO:
                self._told_of(body)
                return self._of(asked, "OK")
            case Table.UNKNOWN:
                name = asked.query.get("table", "")[:64]
                if not name:  # it may hold punches; what is refused stays in the terminal
                    raise Declined(400, "an upload that does not say of what")
                shown = "".join(one if one.isprintable() else "?" for one in name)
                unknown = Event(action=UNKNOWN_TABLE, time="", detail={"table": shown})
                return self._of(asked, "OK", events=[unknown])

    def _table(self, asked: Asked, body: bytes) -> Upload:
        """A table of the access dialect; a bare OK would make the terminal send it again."""
        name = asked.query.get("tablename", "")
        if not re.fullmatch(r"\w{1,64}", name, re.ASCII):
            raise Declined(400, "a table without a name")
        punches: list[Punch] = []
        if name.lower() == TRANSACTIONS:
            punches = rtlog(body, self._options.serial, Witness.LOG)
        elif name.lower() == people.TABLE and asked.endpoint is Endpoint.QUERYDATA:
            self._told_of(body)  # by itself it sends users in another way, old ones too
        count = number(asked.query.get("count", ""), sum(1 for _ in lines(body)))
        return self._of(asked, f"{name}={count}", punches=punches)

    def _told_of(self, body: bytes) -> None:
        """Take in the users in a body, where somebody has asked for them."""
        if self.census is not None:
            self.census.take(people.users(body))

    def _of(
        self,
        asked: Asked,
        text: str,
        punches: Sequence[Punch] = (),
        events: Sequence[Event] = (),
        drift_ms: int | None = None,
    ) -> Upload:
        return Upload(
            answer=Answer(200, text),
            punches=punches,
            events=events,
            drift_ms=drift_ms,
        )

    def is_news(self, upload: Upload) -> bool:
        """Return whether there is anything to be put on disk."""
        return bool(
            upload.punches
            or upload.events
            or upload.drift_ms is not None
            or self.known != self.place
        )

    # Polls.

    def _poll(self, asked: Asked, now_s: float) -> Answer:
        firmware, *counted = asked.query.get("info", "").split(",")
        if counted:
            self._note({"firmver": firmware})
            self.counts = tuple(number(one) for one in counted[:3])
            self._counted(self.counts[0])
        self._plan(now_s)
        due = self.queue.tell(now_s)
        return Answer(200, "\n".join(due) + "\n") if due else OK

    def _results(self, body: bytes, now_s: float) -> Answer:
        for result in commands.results(body):
            order = self.queue.heard(result, now_s)
            if order is not None and self.dialect and order.command == people.query(self.dialect):
                # 0 may say as well that it is done, and all of them come later.
                self._counted(result.code or -1)
        facts = commands.told_facts(body)
        self._counted(number(facts.get("usercount", "")))
        self._note(facts)
        return OK

    def _counted(self, users: int) -> None:
        if self.census is not None:
            self.census.counted(users)

    def _note(self, told: Mapping[str, str]) -> None:
        """Take in what the terminal says it is."""
        for fact, names in _FACTS.items():
            said = next((told[name] for name in names if told.get(name)), "")
            if said:
                self._facts[fact] = "".join(one for one in said if one.isprintable())[:64]


def _stamp(asked: Asked) -> str:
    """Return what the terminal calls its position behind an upload; "" for nothing."""
    if asked.verb is not Verb.POST or asked.endpoint is not Endpoint.CDATA:
        return ""
    if asked.table.value not in TABLES:
        return ""
    stamp = next((asked.query[one] for one in _STAMP_NAMES if one in asked.query), "")
    return stamp if _STAMP.fullmatch(stamp) else ""


_FACTS: Final = {
    "model": ("devicename", "devicetypename"),
    "firmware": ("firmver", "fwversion", "firmwareversion"),
    "platform": ("platform",),
}
"""What terminals call what they are, in small letters."""
