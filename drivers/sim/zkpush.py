"""A simulated ZKTeco push terminal: it calls a server, as tests, technicians and demos want it to.

    terminal = PushTerminal("127.0.0.1", 8081, serial="SIM0001")
    terminal.punch("1001")
    terminal.turn()                       # handshake, uploads, poll, commands: one round

It trusts the HTTP status alone: what is not answered 200 stays in its log and is sent again.
`start` has a thread do the turns. What it does wrong is in `PushFaults`; `PushFaults()` is healthy.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from drivers.sim import zkpushwire as wire
from drivers.sim.people import Person
from drivers.sim.zkpushfaults import PushFaults, Results
from drivers.sim.zkpushpeople import PushPeople, Upload
from drivers.sim.zkpushresults import Result, ToTell
from drivers.sim.zkpushwire import PUSH_PROFILES, HungUp, PushProfile, Record, Served

__all__ = ["PUSH_PROFILES", "PushFaults", "PushProfile", "PushTerminal", "Record", "Results"]

FIRST_STAMP: Final = 720_000_000
"""Stamps count up from a number that is nobody's record count."""

TEMPLATE: Final = "TUZTRlRlbXBsYXRl" * 40
"""A template's base64: what must never be found anywhere else."""

PASSWORD: Final = "739146"  # noqa: S105 - the simulated people's keypad password
UNDEFINED: Final = 255
UNANSWERED: Final = Served(0, {}, "")
"""What stands for an answer that did not come."""


class PushTerminal:
    """One simulated terminal. Its methods may be called from several threads.

    Attributes:
        options: what the server last told it in the handshake.
        sent: how many records of its log were answered 200.
        statuses: of every answer; 0 where none came.
        executed: the commands that it took.
        people: whom it knows.
        dates: the Date of every answer, "" where there was none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        serial: str = "PUSH0001",
        profile: PushProfile = PUSH_PROFILES["2.4"],
        faults: PushFaults = PushFaults(),  # noqa: B008 - frozen
        staff: Sequence[Person] = (),
        clock: Callable[[], datetime] = datetime.now,
        comm_key: str = "",
        timeout_s: float = 30.0,
    ) -> None:
        """`clock` is its wall clock, naive local time."""
        self.host, self.port, self.serial = host, port, serial
        self.profile, self.faults = profile, faults
        self.options: dict[str, str] = {}
        self.log: list[Record] = []
        self.sent = 0
        self.statuses: list[int] = []
        self.dates: list[str] = []
        self.executed: list[str] = []
        self.people = PushPeople(staff, profile, faults)
        self._clock = clock
        self._comm_key = comm_key
        self._timeout_s = timeout_s
        self._operations: list[str] = []
        self._operations_sent = 0
        self._is_greeted = False
        self._hang_ups = faults.hang_up
        self._cuts = faults.cut_line
        self._line: socket.socket | None = None
        self._to_tell = ToTell(profile, faults)
        self._told: list[Upload] = []
        self._again: list[Record] = []
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # What people do in front of it

    def punch(
        self, user_id: str, method: int = 15, state: int = UNDEFINED, at: datetime | None = None
    ) -> Record:
        """Log a punch. `at` is naive local time; None takes the terminal's clock."""
        with self._lock:
            record = Record(len(self.log) + 1, user_id, at or self._clock(), method, state)
            self.log.append(record)
            return record

    def operate(self, code: int, admin: str = "1", *objects: str) -> None:
        """Do something that the operation log keeps."""
        with self._lock:
            self._operations.append(wire.oplog_line(code, admin, self._clock(), *objects))

    def enrol(self, person: Person) -> None:
        """Make somebody known at the terminal: it will send name, password and template."""
        with self._lock:
            self.people.enrol(person, finger_of=person.user_id)
            self._operations += [
                wire.oplog_line(6, "1", self._clock(), person.user_id, "6"),
                wire.user_line(person.user_id, person.name, PASSWORD),
                wire.template_line(self.profile.template, person.user_id, TEMPLATE),
            ]

    # What it does by itself

    def turn(self) -> bool:
        """Do one round; return whether everything is sent and nothing was refused."""
        with self._lock:
            if not self._is_greeted and not self.handshake():
                return False
            return self.upload() and self.poll()

    def handshake(self) -> bool:
        """Ask for the options; return whether the server gave them."""
        with self._lock:
            query = {"options": "all", "language": "69"}
            if self.profile.pushver:
                query["pushver"] = self.profile.pushver
            if self._comm_key:
                query["pushcommkey"] = self._comm_key
            if self.profile.access:
                query["DeviceType"] = "acc"
            served = self.ask("GET", "cdata", query)
            if served.status == 200 and self.profile.access:
                served = self._register(served)
            self._is_greeted = served.status == 200
            if self._is_greeted:
                self.options = wire.option_list(served.text)
                self._go_back()
            return self._is_greeted

    def _register(self, served: Served) -> Served:
        """Register where the server does not know it, and send what it is."""
        if "registry=ok" not in served.text:
            told = (
                f"~DeviceType=acc,~SerialNumber={self.serial},FirmVer={self.profile.firmware},"
                f"~DeviceName={self.profile.model},CompanyName=Dinas, Kota,LockCount=1"
            )
            served = self.ask("POST", "registry", {}, told.encode())
            if served.status != 200 or "RegistryCode=" not in served.text:
                return Served(served.status if served.status != 200 else 500, {}, served.text)
        served = self.ask("POST", "push", {}, b"")
        if served.status == 200:
            when = f"{self._clock():%Y-%m-%d %H:%M:%S}"
            body = f"~DeviceName={self.profile.model},DateTime={when}".encode()
            self.ask("POST", "cdata", {"table": "options"}, body)
            body = f"user uid=1\tpin=1001\tpassword={PASSWORD}\tname=Adi\r\n".encode()
            query = {"table": "tabledata", "tablename": "user", "count": "1"}
            if self.ask("POST", "cdata", query, body).text.strip() != "user=1":
                return Served(500, {}, "the table was not acknowledged by its name")
        return served

    def _go_back(self) -> None:
        """Go to where the server says it is; what it does not know is sent again."""
        if self.profile.access:
            return  # the access dialect has no stamps: what was answered 200 is sent
        name = "ATTLOGStamp" if self.profile.pushver else "Stamp"
        stamp = self.options.get(name, "None")
        at = int(stamp) - FIRST_STAMP if stamp.isdigit() else 0
        self.sent = at if 0 <= at <= len(self.log) else 0

    def upload(self) -> bool:
        """Send what the server does not have; return whether it has all now."""
        with self._lock:
            if self.faults.unknown_table:
                self.ask("POST", "cdata", {"table": "FUTURE", "Stamp": "1"}, b"x=1\n")
            rest = self._upload_again() and self._upload_log() and self._upload_operations()
            return rest and self._upload_told()

    def _upload_told(self) -> bool:
        """Send what it was asked to tell."""
        while self._told:
            one = self._told[0]
            if self.ask("POST", one.endpoint, one.query, self._body(one.lines)).status != 200:
                return False
            del self._told[0]
        return True

    def _upload_again(self) -> bool:
        while self._again:
            batch = self._again[: self.profile.batch]
            if self._post_records(batch, FIRST_STAMP + self.sent) != 200:
                return False
            self._again = self._again[len(batch) :]
        return True

    def _upload_log(self) -> bool:
        while self.sent < len(self.log):
            batch = self.log[self.sent : self.sent + self.profile.batch]
            is_cut, self._cuts = self._cuts, False
            through = self.sent + len(batch) - is_cut
            stamp = FIRST_STAMP + through
            if self.faults.stamp_back and self.sent:
                stamp = FIRST_STAMP + 1
            statuses = self._post_halves(batch, stamp, is_cut=is_cut)
            if self.faults.twice:
                statuses.append(self._post_records(batch, stamp))
            if any(status != 200 for status in statuses):
                return False
            self.sent = through
        return True

    def _post_halves(self, batch: list[Record], stamp: int, *, is_cut: bool) -> list[int]:
        if not self.faults.two_at_once or len(batch) < 2:
            return [self._post_records(batch, stamp, is_cut=is_cut)]
        half, statuses = len(batch) // 2, [0, 0]

        def post(n: int, part: list[Record]) -> None:
            behind = stamp if n else stamp - (len(batch) - half)
            statuses[n] = self._post_records(part, behind, alone=True)

        threads = [
            threading.Thread(target=post, args=(n, part))
            for n, part in enumerate((batch[:half], batch[half:]))
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return statuses

    def _post_records(
        self, batch: list[Record], stamp: int, *, alone: bool = False, is_cut: bool = False
    ) -> int:
        if self.profile.access:
            query, lines = {"table": "rtlog"}, [wire.rtlog_line(one) for one in batch]
        else:
            query = {"table": "ATTLOG", "Stamp": str(stamp)}
            lines = [wire.attlog_line(one, self.profile.fields) for one in batch]
        if is_cut:
            # In the time; in the access dialect in the user, behind the time.
            lines[-1] = lines[-1][: 30 if self.profile.access else 12]
        body = self._body(lines)
        if is_cut:
            body = body.rstrip(b"\r\n")
        return self.ask("POST", "cdata", query, body, alone=alone).status

    def _upload_operations(self) -> bool:
        waiting = self._operations[self._operations_sent :]
        if not waiting:
            return True
        name = "Stamp" if self.profile.pushver else "OpStamp"
        through = self._operations_sent + len(waiting)
        query = {"table": "OPERLOG", name: str(FIRST_STAMP + through)}
        if self.ask("POST", "cdata", query, self._body(waiting)).status != 200:
            return False
        self._operations_sent = through
        return True

    def _body(self, lines: list[str]) -> bytes:
        end = "\r\n" if self.faults.crlf else "\n"
        text = end.join(lines) + ("" if self.faults.no_last_newline else end)
        body = text.encode(self.faults.encoding)
        return body + b"\0" if self.faults.nul_bytes else body

    def poll(self) -> bool:
        """Ask for commands, do them, and tell what became of them; return whether that worked."""
        with self._lock:
            counts = f"{len(self.people.users)},0,{len(self.log)}"
            served = self.ask(
                "GET", "getrequest", {"INFO": f"{self.profile.firmware},{counts},10.0.0.50,10,7"}
            )
            if served.status != 200:
                return False
            for number, command in wire.commands(served.text):
                self.executed.append(command)
                code = self._carry_out(command, number)
                self._to_tell.add(Result(number, code, command.split(" ")[0]))
                if command == "REBOOT":
                    self._is_greeted = False
                    break  # what comes behind it is lost
            if self.profile.access and not self._upload_told():
                return False
            return self._tell_results()

    def _carry_out(self, command: str, number: int) -> int:
        if (done := self.people.obey(command)) is not None:
            return done
        if self.people.is_query(command):
            self._told += self.people.uploads(number)
            return len(self.people.users) if self.profile.counts_users else 0
        if (span := wire.asked_span(command)) is not None:
            since, until = span
            found = [one for one in self.log[: self.sent] if since <= one.time <= until]
            self._again += found
            return len(found)
        if command == "CHECK":
            self._is_greeted = False
            return 0
        return 0 if command in ("INFO", "LOG", "REBOOT") else -1002

    def _tell_results(self) -> bool:
        lines = self._to_tell.due(len(self.people.users))
        if lines:
            if self.ask("POST", "devicecmd", {}, ("\n".join(lines) + "\n").encode()).status != 200:
                return False
            self._to_tell.told()
        return True

    # The line

    def ask(
        self,
        method: str,
        endpoint: str,
        query: dict[str, str],
        body: bytes | None = None,
        *,
        alone: bool = False,
    ) -> Served:
        """Send a request and return the answer; `alone` over a connection of its own."""
        path = self.faults.path.format(endpoint)
        keep = self.faults.keep_alive and not alone
        head, content = wire.request(
            method,
            path,
            {"SN": self.serial, **query},
            body,
            chunked=self.faults.chunked,
            keep_alive=keep,
        )
        is_kept = self._line is not None and keep
        served = self._exchange(head, content, keep=keep)
        if served is UNANSWERED and is_kept:
            # The server may have ended an idle connection: that is no refusal yet.
            served = self._exchange(head, content, keep=keep)
        self.statuses.append(served.status)
        self.dates.append(served.headers.get("date", ""))
        if served.status != 200:
            self._is_greeted = False  # it begins anew after a failure
        return served

    def _exchange(self, head: bytes, content: bytes, *, keep: bool) -> Served:
        try:
            line = self._line if keep and self._line is not None else self._dial()
        except OSError:
            return UNANSWERED
        if keep:
            self._line = line
        try:
            self._send(line, head, content)
            if content and self._hang_ups:
                self._hang_ups -= 1
                raise HungUp("on purpose")
            served = wire.read_answer(line)
        except (OSError, HungUp):
            self._drop(line)
            return UNANSWERED
        if not keep or served.headers.get("connection", "") == "close":
            self._drop(line)
        return served

    def _dial(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), self._timeout_s)

    def _send(self, line: socket.socket, head: bytes, content: bytes) -> None:
        if not (content and self.faults.slow_body_s):
            line.sendall(head + content)
            return
        line.sendall(head)
        step = max(1, len(content) // 8)
        for at in range(0, len(content), step):
            time.sleep(self.faults.slow_body_s / 8)
            line.sendall(content[at : at + step])

    def _drop(self, line: socket.socket) -> None:
        line.close()
        if line is self._line:
            self._line = None

    # By itself

    def start(self, every_s: float = 1.0) -> None:
        """Have a thread do a turn every so often, and at once where something waits."""
        self._stop.clear()

        def go_on() -> None:
            while not self._stop.is_set():
                self.turn()
                self._stop.wait(every_s)

        self._thread = threading.Thread(target=go_on, name="zkpush-sim", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the connection; what is in the log stays there."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._line is not None:
            self._drop(self._line)
