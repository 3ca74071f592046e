"""What a client's command changes in a simulated ZK terminal: users, fingers, clock, options, log.

Data in, reply code out. No packet and no socket: the session answers with the code.
"""

from collections.abc import Callable, Mapping
from typing import Final

from drivers.sim.zkrecords import read_user_row, text_of
from drivers.sim.zktemplates import read_upload
from drivers.sim.zkterminal import Terminal
from drivers.sim.zkwire import Code, Table, moment_of

COMM_KEY: Final = "COMKey"
"""The option that holds the comm key."""


class Changes:
    """One client's changes, and the upload that it is filling."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._upload = bytearray()

    def make(self, code: int, data: bytes) -> Code | None:
        """Carry out a command and return the reply's code; None if `code` changes nothing."""
        change = _CHANGES.get(code)
        if change is None:
            return None
        try:
            return Code.ACK_OK if change(self, data) else Code.ACK_ERROR
        except ValueError:  # another width, 31 February, lengths that are a lie
            return Code.ACK_ERROR

    def _enable(self, _: bytes) -> bool:
        self._terminal.enabled = True
        return True

    def _disable(self, _: bytes) -> bool:
        self._terminal.enabled = False
        return True

    def _set_clock(self, data: bytes) -> bool:
        moment = moment_of(int.from_bytes(data[:4], "little"))
        if not self._terminal.faults.keeps_no_writes:
            self._terminal.set_clock(moment)
        return True

    def _write_option(self, data: bytes) -> bool:
        name, equals, value = text_of(data).partition("=")
        if equals and not self._terminal.faults.keeps_no_writes:
            if name == COMM_KEY:
                self._terminal.comm_key = int(value) or None
            else:
                self._terminal.written_options[name] = value
        return bool(equals)

    def _write_user(self, data: bytes) -> bool:
        row = read_user_row(data)
        if row.uid:
            self._terminal.store_row(row)
        return bool(row.uid)

    def _delete_user(self, data: bytes) -> bool:
        return self._terminal.delete_person(int.from_bytes(data[:2], "little"))

    def _delete_template(self, data: bytes) -> bool:
        place = int.from_bytes(data[:2], "little"), data[2]
        return self._terminal.fingers.pop(place, None) is not None

    def _begin_upload(self, _: bytes) -> bool:
        self._upload = bytearray()
        return True

    def _take_upload(self, data: bytes) -> bool:
        self._upload += data
        return True

    def _use_upload(self, _: bytes) -> bool:
        self._terminal.store_upload(read_upload(bytes(self._upload)))
        return True

    def _clear_log(self, _: bytes) -> bool:
        self._terminal.clear_log()
        return True

    def _clear_data(self, data: bytes) -> bool:
        which = data[0] if data else None
        if which in (None, Table.ATTENDANCE):
            self._terminal.clear_log()
        if which in (None, Table.USERS):
            self._terminal.delete_people()
        return True


_CHANGES: Final[Mapping[int, Callable[[Changes, bytes], bool]]] = {
    Code.ENABLEDEVICE: Changes._enable,
    Code.DISABLEDEVICE: Changes._disable,
    Code.SET_TIME: Changes._set_clock,
    Code.OPTIONS_WRQ: Changes._write_option,
    Code.USER_WRQ: Changes._write_user,
    Code.DELETE_USER: Changes._delete_user,
    Code.DELETE_USERTEMP: Changes._delete_template,
    Code.PREPARE_DATA: Changes._begin_upload,
    Code.DATA: Changes._take_upload,
    Code.SAVE_USERTEMPS: Changes._use_upload,
    Code.CLEAR_ATTLOG: Changes._clear_log,
    Code.CLEAR_DATA: Changes._clear_data,
}
"""Every command that changes something; it returns whether the terminal takes it."""
