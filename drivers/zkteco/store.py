"""What a 4370 terminal keeps: people, templates, clock, key. The only writer of the driver.

Read before write, keyed by user id, read back after: a terminal that says ACK_OK and keeps
something else is `Refused`. Nothing is cleared, nobody is written over by slot, and the terminal is
not disabled meanwhile: people go on punching.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import structs

from drivers.errors import Garbled, Refused
from drivers.store import Facts, Known, Template, TerminalUser
from drivers.zkteco import times
from drivers.zkteco.dialogue import Dialogue, Table
from drivers.zkteco.packets import Code
from drivers.zkteco.people import (
    Row,
    Width,
    as_kept,
    cut,
    decode_people,
    decode_templates,
    encode_person,
    encode_upload,
    free_slot,
)

COMM_KEY: Final = "COMKey"
"""The option that holds the comm key; named so by one source only."""

USE_UPLOAD: Final = bytes.fromhex("0c00000000000800")
"""What the command that takes an upload of users and templates is sent with."""


class ZkStore:
    """Implements `drivers.store.Store` on an open dialogue."""

    def __init__(self, dialogue: Dialogue, where: str) -> None:
        self._dialogue = dialogue
        self._where = where
        self._width: Width | None = None  # of its user rows; only a row tells
        self._assumed: Width | None = None  # while there is none

    def facts(self) -> Facts:
        """Return what the terminal says of itself."""
        sizes, state = self._dialogue.sizes(), self._dialogue.state()
        return Facts(
            shown=times.wall_clock(self._dialogue.clock()),
            users=sizes.users,
            records=sizes.records,
            capacity=sizes.capacity,
            state=None if state is None else state.name.lower(),
            finger_format=self._dialogue.option("~ZKFPVersion"),
        )

    def sound(self) -> None:
        """Play the terminal's first phrase."""
        self._do("a sound", Code.TESTVOICE, bytes(4))

    def users(self) -> Sequence[TerminalUser]:
        """Return everybody whom the terminal knows."""
        return [row.user for row in self._people()[0]]

    def kept(self, name: str) -> str:
        """Return as much of a name as fits into its user rows."""
        width = self._width or self._assumed or self._people()[1]
        return cut(name, width.name_most).decode()

    def templates(self) -> Sequence[Template]:
        """Return every finger that the terminal knows, of its users."""
        return self._templates(self._people()[0])

    def write(self, people: Sequence[Known]) -> None:
        """Make people known, or known anew; see `drivers.store.Store`.

        Raises Refused at the first whom the terminal does not take; those before are written.
        """
        rows, width = self._people()
        if self._width is None:
            raise Refused(
                f"{self._where}: it knows nobody yet, so nothing tells how wide its user rows are",
                hint="Enrol an administrator in its menu first; without one anybody may open it",
            )
        for known in people:
            row = self._row(rows, known.user, width)
            rows = [row, *(one for one in rows if one.slot != row.slot)]
            if known.fingers:
                self._upload(encode_upload(row, known.fingers, width))
            else:
                self._do("writing a user", Code.USER_WRQ, encode_person(row, width))
        self._do("taking it over", Code.REFRESHDATA)
        self._check(people)

    def remove(self, *users: str) -> None:
        """Forget people; see `drivers.store.Store`."""
        rows = [row for row in self._people()[0] if row.user.user in users]
        if not rows:
            return
        for row in rows:
            self._do("removing a user", Code.DELETE_USER, row.slot.to_bytes(2, "little"))
        self._do("taking it over", Code.REFRESHDATA)
        for one in self.users():
            if one.user in users:
                raise self._not_kept(f"user {one.user} is still there after being removed")

    def set_clock(self, shown: datetime) -> None:
        """Set the naive clock, whole seconds."""
        ticks = times.ticks(*shown.timetuple()[:6])
        self._do("setting its clock", Code.SET_TIME, ticks.to_bytes(4, "little"))
        self._do("taking it over", Code.REFRESHDATA)
        now = times.wall_clock(self._dialogue.clock())
        if now is None or not 0 <= (now - shown).total_seconds() <= 30:
            raise self._not_kept(f"its clock shows {now} after being set to {shown}")

    def restart(self) -> None:
        """Restart the terminal; then it is gone."""
        self._dialogue.restart()

    def set_comm_key(self, key: int) -> None:
        """Set the key that the next connection must bring."""
        self._do("setting its comm key", Code.OPTIONS_WRQ, f"{COMM_KEY}={key}\0".encode())
        self._do("taking it over", Code.REFRESHOPTION)
        said = self._dialogue.option(COMM_KEY)
        if said not in ("", str(key)):
            raise self._not_kept("its comm key is another than the one written")

    def _people(self) -> tuple[list[Row], Width]:
        try:
            rows, width = decode_people(
                self._dialogue.table(Table.USERS), self._dialogue.sizes().users
            )
        except Garbled as fault:
            raise Garbled(f"{self._where}: {fault.args[0]}", hint=fault.hint) from fault
        if rows:
            self._width = width
        self._assumed = width
        return rows, self._width or width

    def _templates(self, rows: Sequence[Row]) -> list[Template]:
        users = {row.slot: row.user.user for row in rows}
        return decode_templates(self._dialogue.table(Table.TEMPLATES), users)

    def _row(self, rows: Sequence[Row], user: TerminalUser, width: Width) -> Row:
        """Return the row to write: theirs, or one in a free slot."""
        if not width.takes(user.user):
            raise Refused(
                f"{self._where}: user id {user.user!r} does not fit: {width.user_words}",
                hint="It would be kept as another: give the employee another user id there",
            )
        if len(user.password.octets) > width.password_most:
            raise Refused(
                f"{self._where}: the keypad password of user {user.user} is too long: expected at "
                f"most {width.password_most} digits",
                hint="It would be cut, and be another: give them a shorter one",
            )
        own = next((row for row in rows if row.user.user == user.user), None)
        if own is not None:
            return structs.replace(own, user=user)
        slot = free_slot(rows, user.user, width)
        if slot is None:
            raise Refused(
                f"{self._where}: there is no slot for user {user.user}",
                hint="Remove people who have left, or give a user id whose slot is free",
            )
        return Row(slot, user)

    def _upload(self, body: bytes) -> None:
        self._do("an upload", Code.FREE_DATA)
        self._dialogue.upload(body)
        self._do("using an upload", Code.SAVE_USERTEMPS, USE_UPLOAD)

    def _check(self, people: Sequence[Known]) -> None:
        """Read back what was written. Raises Refused for the first that is not kept."""
        rows, width = self._people()
        users = {row.user.user: row.user for row in rows}
        fingers = {}
        if any(known.fingers for known in people):
            fingers = {(one.user, one.finger): one.octets for one in self._templates(rows)}
        for known in people:
            user = known.user.user
            if users.get(user) != as_kept(known.user, width):
                raise self._not_kept(f"user {user} is not kept as written")
            for one in known.fingers:
                if fingers.get((user, one.finger)) != one.octets:
                    raise self._not_kept(f"finger {one.finger} of user {user} is not kept")

    def _do(self, what: str, code: Code, data: bytes = b"") -> None:
        self._dialogue.do(what, code, data)

    def _not_kept(self, what: str) -> Refused:
        return Refused(
            f"{self._where}: it said yes and did otherwise: {what}",
            hint="Do it in the terminal's own menu, and send this with its model",
        )
