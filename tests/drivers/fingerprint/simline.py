"""A simulated module, with its faults, on a line whose clock goes on only while one waits."""

from fakemodule import Clock

from drivers.errors import Unreachable
from drivers.sim.r30xfaults import Faults, Rule
from drivers.sim.r30xfinger import Finger, Glass, Print, Quality, read, written
from drivers.sim.r30xflash import Flash
from drivers.sim.r30xmodule import Module
from drivers.sim.r30xprofile import PROFILES, Profile
from drivers.sim.r30xtimings import pause_s
from drivers.sim.r30xwire import Frames

GAP_S = 0.25


class SimLine:
    """Implements `drivers.fingerprint.line.Port`."""

    def __init__(self, clock: Clock, profile: Profile | str, serial: str = "SIM00001") -> None:
        self.clock = clock
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.glass = Glass()
        self.flash = Flash(self.profile, serial)
        self.module = Module(self.profile, self.flash, self.glass)
        self.faults = Faults()
        self.baud = 57_600
        self.plugged = True
        self._frames = Frames()
        self._heard_s = 0.0
        self._out: list[tuple[float, bytes]] = []
        self._busy_until_s = 0.0

    # People and technicians.

    def enrolled(self, page: int, identity: str) -> None:
        self.flash.library[page] = written(Print((identity,)), self.profile.template_bytes)

    @property
    def library(self) -> dict[int, tuple[str, ...]]:
        kept = {page: read(octets) for page, octets in self.flash.library.items()}
        return {page: made.identities for page, made in kept.items() if made is not None}

    def place(self, identity: str, quality: Quality = Quality.OK) -> None:
        self.glass.place(Finger(identity, quality))

    def spoil(self, *rules: Rule, seed: int = 1) -> None:
        self.faults = Faults(rules, seed)

    def power_cycle(self) -> None:
        self._out.clear()
        self._frames.forget()
        self.faults.power_up()
        self.module.power_up()
        self._busy_until_s = self.clock.at_s + self.profile.start_s
        if self.profile.ready_byte:
            self._out.append((self._busy_until_s, b"\x55"))

    # The port.

    def open(self) -> None:
        self._there()
        self.discard()

    def close(self) -> None:
        pass

    def discard(self) -> None:
        self._there()
        self._out = [one for one in self._out if one[0] > self.clock.at_s]

    def read(self, most: int, wait_s: float) -> bytes:
        self._there()
        until_s = self.clock.at_s + max(0.0, wait_s)
        if not self._out or self._out[0][0] > until_s:
            self.clock.at_s = until_s
            return b""
        at_s, octets = self._out.pop(0)
        self.clock.at_s = max(self.clock.at_s, at_s)
        if octets[most:]:
            self._out.insert(0, (at_s, octets[most:]))
        return octets[:most]

    def write(self, octets: bytes) -> None:
        self._there()
        now_s = self.clock.at_s
        if self.baud != self.module.commands.parameters.speed * 9600 or now_s < self._busy_until_s:
            return
        if self._frames.unfinished and now_s - self._heard_s > GAP_S:
            self._frames.give_up()
        self._heard_s = now_s
        for said in self._frames.feed(octets):
            heard = self.faults.hears(said)
            if heard is None:
                continue
            answer = self.module.take(heard)
            at_s = max([now_s, *(one[0] for one in self._out)])
            if answer.op is not None:
                there = self.glass.there is not None
                at_s += pause_s(answer.op, there, len(self.flash.library))
            for piece in self.faults.says(answer, heard):
                at_s += piece.wait_s + len(piece.octets) * 10 / self.baud
                self._out.append((at_s, piece.octets))

    def _there(self) -> None:
        if not self.plugged:
            raise Unreachable("source pintu (fp0): the port is gone")
