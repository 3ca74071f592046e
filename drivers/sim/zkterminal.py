"""The inside of a simulated ZK terminal: people, log, clock, options. No packet, no socket.

One lock guards it all; sessions and the network shell take the same one, so that what a client
sees happens in one order.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from drivers.sim.faults import Faults
from drivers.sim.flash import Flash
from drivers.sim.people import Person
from drivers.sim.zkprofile import Full, Profile
from drivers.sim.zkrecords import Counts, Record, UserRow, log_row, sizes, text_of, user_row
from drivers.sim.zktemplates import Finger, Upload, template_row
from drivers.sim.zkwire import Table, clock_number, number_of

SUPER_ADMIN: Final = 14
"""Privilege of an administrator; GET_FREE_SIZES counts them apart."""


class LogFull(RuntimeError):
    """The log has no row left and this firmware stops then: its screen says so to the person."""


IMPOSSIBLE: Final = clock_number(2026, 2, 31, 7, 28)
"""A u32 that decodes to 31 February 2026, 07:28."""


def _tell_nobody(records: Sequence[Record], one_packet: bool) -> None:
    """Announce nothing: no network shell is there yet."""


class Terminal:
    """What a terminal remembers.

    Attributes:
        lock: held by whoever reads or changes anything here.
        announce: called with new records, after they are durable, and whether their events share
            one packet; the network shell sets it.
        enabled: False between DISABLEDEVICE and ENABLEDEVICE.
        acked: pushed events that a client has acknowledged.
        fingers: templates by slot and number of the finger.
    """

    def __init__(
        self,
        staff: Sequence[Person],
        *,
        serial: str,
        profile: Profile,
        faults: Faults,
        comm_key: int | None,
        clock: Callable[[], datetime],
        flash: Flash | None,
    ) -> None:
        self.lock = threading.RLock()
        self.announce: Callable[[Sequence[Record], bool], None] = _tell_nobody
        self.serial = serial
        self.profile = profile
        self.comm_key = comm_key
        self.enabled = True
        self.acked = 0
        self.people: dict[int, Person] = {}
        self._slots: dict[str, int] = {}
        self._last_slot = 0
        for person in staff:
            self.store_person(person)
        self.records: list[Record] = []
        self.fingers: dict[tuple[int, int], Finger] = {}
        self.written_options: dict[str, str] = {}
        self._faults = faults
        self._late_punches_left = faults.late_punches
        self._mid_transfer_punches_left = faults.mid_transfer_punches
        self._clock = clock
        self._rated_from: datetime | None = None  # since when it runs at its rate
        self._clock_error = timedelta(0)
        self._flash = flash

    @property
    def faults(self) -> Faults:
        """The faults at work now."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self.lock:
            if faults.clock_rate != self._faults.clock_rate:
                self.set_clock(self._exactly_now())  # it shows the same, and runs on differently
            self._faults = faults
            self._late_punches_left = faults.late_punches
            self._mid_transfer_punches_left = faults.mid_transfer_punches

    def switch_on(self) -> None:
        """Read the log from the flash, if there is one. Raises DamagedState and OSError."""
        self.enabled = True
        if self._flash is not None:
            self.records = self._flash.load(self.serial)[-self.profile.record_capacity :]

    def switch_off(self) -> None:
        """Close the flash."""
        if self._flash is not None:
            self._flash.close()

    def now(self) -> datetime:
        """Return the terminal's wall clock, naive, whole seconds."""
        return self._exactly_now().replace(microsecond=0)

    def _exactly_now(self) -> datetime:
        moment = self._clock()
        if self._rated_from is None:
            return moment + self._clock_error
        gained = (moment - self._rated_from) * (self._faults.clock_rate - 1)
        return moment + self._clock_error + gained

    def set_clock(self, moment: datetime) -> None:
        """Set the wall clock, as SET_TIME does."""
        self._rated_from = self._clock()
        self._clock_error = moment - self._rated_from

    def punch(
        self,
        user_ids: Sequence[str],
        method: int,
        state: int,
        at: datetime | None = None,
        *,
        one_packet: bool = False,
    ) -> list[Record]:
        """Log one punch per user id, durably, then announce them together. Raises LogFull."""
        with self.lock:
            moment = self.now() if at is None else at.replace(microsecond=0)
            made = [Record(u, moment, method, state, self.uid_of(u)) for u in user_ids]
            for record in made:
                self._make_room()
                if self._flash is not None:
                    self._flash.append(record)
                self.records.append(record)
            self.announce(made, one_packet)
        return made

    def late_punch(self) -> None:
        """Let a punch land between GET_FREE_SIZES and the read, while the fault has any left."""
        if self._late_punches_left > 0:
            self._late_punches_left -= 1
            self._somebody_punches()

    def mid_transfer_punch(self) -> None:
        """Let a punch land in the middle of a transfer, while the fault has any left."""
        if self._mid_transfer_punches_left > 0:
            self._mid_transfer_punches_left -= 1
            self._somebody_punches()

    def _somebody_punches(self) -> None:
        if self.people:
            somebody = next(iter(self.people.values()))
            self.punch([somebody.user_id], method=1, state=255)

    def _make_room(self) -> None:
        if len(self.records) >= self.profile.record_capacity:
            if self.profile.when_full is Full.STOPS:
                raise LogFull(f"{len(self.records)} rows, and no more")
            del self.records[0]

    def clear_log(self) -> None:
        """Delete the whole log; the protocol knows no less."""
        if self._flash is not None:
            self._flash.rewrite(self.serial, ())
        self.records = []

    def uid_of(self, user_id: str) -> int:
        """Return the slot of a user id, 0 for a stranger."""
        return self._slots.get(user_id, 0)

    def store_person(self, person: Person) -> None:
        """Write a person into their slot; without one they get the next one."""
        uid = person.uid or self._last_slot + 1
        self.delete_person(uid)
        self.people[uid] = msgspec.structs.replace(person, uid=uid)
        self._slots[person.user_id] = uid
        self._last_slot = max(self._last_slot, uid)

    def delete_person(self, uid: int) -> bool:
        """Empty a slot; say whether somebody was in it."""
        person = self.people.pop(uid, None)
        if person is None:
            return False
        self._slots.pop(person.user_id, None)
        for place in [one for one in self.fingers if one[0] == uid]:
            del self.fingers[place]
        return True

    def delete_people(self) -> None:
        """Empty every slot."""
        self.people.clear()
        self.fingers.clear()
        self._slots.clear()
        self._last_slot = 0

    def renumber(self, slots: Mapping[int, int]) -> None:
        """Move people into other slots, as restoring a user table does; the log's rows go along."""
        with self.lock:
            fingers = {(slots[uid], n): one for (uid, n), one in self.fingers.items()}
            people = [msgspec.structs.replace(p, uid=slots[p.uid]) for p in self.people.values()]
            self.delete_people()
            for person in people:
                self.store_person(person)
            self.fingers = fingers
            self.records = [one._replace(uid=slots.get(one.uid, 0)) for one in self.records]
            if self._flash is not None:
                self._flash.rewrite(self.serial, self.records)

    def store_row(self, row: UserRow) -> None:
        """Write a person as USER_WRQ brings them."""
        person = Person(
            user_id=text_of(row.user_id),
            name=text_of(row.name),
            privilege=row.privilege,
            password=text_of(row.password),
            card=row.card,
            uid=row.uid,
        )
        if not self._faults.keeps_no_writes:
            fingers = dict(self.fingers)
            self.store_person(person)
            self.fingers = fingers  # who is written anew keeps their fingers

    def store_upload(self, upload: Upload) -> None:
        """Write people and their fingers, as SAVE_USERTEMPS does."""
        for row in upload.users:
            self.store_row(row)
        if not self._faults.keeps_no_writes:
            self.fingers |= upload.fingers

    def option(self, name: str) -> str | None:
        """Return an option's value, None where this terminal has no such option."""
        profile = self.profile
        known = {
            "~SerialNumber": self.serial,
            "~Platform": profile.platform,
            "~DeviceName": profile.device_name,
            "MAC": profile.mac,
            "~ZKFPVersion": "10",
            "~OS": "1",
            "~PIN2Width": "9",
            "WorkCode": "0",
            "DeviceID": "1",
            "LockOn": "5",
        }
        return (known | profile.options | self.written_options).get(name)

    def free_sizes(self) -> bytes:
        """Return GET_FREE_SIZES's data."""
        records = len(self.records) + self._faults.impossible_date
        counts = Counts(
            users=len(self.people),
            fingers=len(self.fingers),
            records=0 if self._faults.no_records_counted else records,
            user_capacity=self.profile.user_capacity,
            record_capacity=self.profile.record_capacity,
            finger_capacity=self.profile.finger_capacity,
            passwords=sum(bool(p.password) for p in self.people.values()),
            administrators=sum(p.privilege == SUPER_ADMIN for p in self.people.values()),
        )
        return sizes(self.profile.sizes, counts)

    def table(self, table: Table, since: int = 0, until: int = 0xFFFFFFFF) -> bytes:
        """Return a table as a bulk read carries it: u32 bytes, then the rows.

        `since` and `until` are the clock's u32; of the log, only what lies between them is given.
        """
        match table:
            case Table.USERS:
                rows = [self._user_row(person) for person in self.people.values()]
            case Table.ATTENDANCE:
                rows = self._log_rows(since, until)
            case Table.TEMPLATES:
                rows = [template_row(*place, finger) for place, finger in self.fingers.items()]
            case Table.OPERATIONS:
                rows = []  # nobody opens the menu
        stray = self.profile.log_prefix if table is Table.ATTENDANCE and rows else b""
        content = stray + b"".join(rows)
        return len(content).to_bytes(4, "little") + content

    def _user_row(self, person: Person) -> bytes:
        row = UserRow(
            uid=person.uid,
            user_id=person.user_id.encode(),
            name=person.name.encode(),
            privilege=person.privilege,
            password=person.password.encode(),
            card=person.card,
        )
        return user_row(self.profile.users, row)

    def _log_rows(self, since: int, until: int) -> list[bytes]:
        layout, tail = self.profile.log, self.profile.log_tail
        rows = [
            log_row(layout, record, tail=tail)
            for record in self.records
            if since <= number_of(record.time) <= until
        ]
        if self._faults.impossible_date:
            middle = len(rows) // 2
            somebody = next(iter(self.people.values()), Person("1", "", uid=1))
            record = Record(somebody.user_id, self.now(), 1, 255, somebody.uid)
            rows.insert(middle, log_row(layout, record, number=IMPOSSIBLE, tail=tail))
        return rows
