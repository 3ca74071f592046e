"""The way to central from a kiosk's own disk: its key, its message, central's answer."""

from collections.abc import Callable
from pathlib import Path

from kiosk import VERSION
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import Post, TurnedAway, claim
from kiosk.setup.plan import Plan
from kiosk.setup.said import Said
from kiosk.setup.written import device_key
from sync.edge.enrolment import ByCode
from sync.protocol.claim import ClaimCode
from sync.protocol.enrolment import Enrolled
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey

SOFTWARE = f"presensi-kiosk {VERSION}"


def key_of(disk: Disk, home: Path) -> PrivateKey:
    """Return the device key in a data directory. Raises TurnedAway, OSError."""
    try:
        return device_key(disk, home)
    except Malformed as error:
        raise TurnedAway(
            Said(
                f"Kunci perangkat {home / 'device.key'} rusak ({error}): kembalikan dari cadangan, "
                "atau pindahkan berkas itu dan daftarkan kiosk lagi",
                f"The device key {home / 'device.key'} is damaged ({error}): restore it from a "
                "backup, or move it away and enrol anew",
            )
        ) from error


def by_code(disk: Disk, post: Post) -> Callable[[Plan, Path], Enrolled]:
    """Return who asks central by a plan's claim code; the same question each time."""
    begun: dict[tuple[str, Path], ByCode] = {}

    def enrol(plan: Plan, home: Path) -> Enrolled:
        asking = begun.get((plan.code, home))
        if asking is None:
            key, code = key_of(disk, home), ClaimCode.read(plan.code)
            asking = begun[plan.code, home] = ByCode.begin(key, code, plan.kiosk, SOFTWARE)
        return claim(post, plan.central, asking)

    return enrol
