"""Carrying an enrolment to central and back, try after try.

NotEnrolled          it did not work; `said` is what to do
|-- NotYet           nobody answers, or central is busy: try again
`-- TurnedAway       central or we say no: a person must do something
"""

from collections.abc import Callable
from typing import Final

from kiosk.setup.checks import address
from kiosk.setup.said import Said
from sync.edge.enrolment import ByApproval, ByCode
from sync.edge.post import Reply, Unreachable
from sync.protocol.enrolment import (
    ASK_PATH,
    CLAIM_PATH,
    MAX_ANSWER_BYTES,
    Enrolled,
    Standing,
)
from sync.protocol.errors import ProtocolError

Post = Callable[[str, bytes, int], Reply]
"""`sync.edge.post.post`, or a test's: address, content, longest answer."""

BETWEEN_S: Final = 5.0
"""So often central is asked whether somebody has approved, or tried again."""

CODE_LIVES_S: Final = 900.0
"""A claim code is good for so long, where central does not say otherwise."""


class NotEnrolled(Exception):
    """It did not work."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.english)
        self.said = said


class NotYet(NotEnrolled):
    """Nobody answers, or central is busy: try again."""


class TurnedAway(NotEnrolled):
    """Central or we say no: a person must do something."""


def claim(post: Post, central: str, asking: ByCode) -> Enrolled:
    """Ask central once. Raises NotEnrolled."""
    reply = _ask(post, central, CLAIM_PATH, asking.message)
    return believed(asking, reply.body)


def believed(asking: ByCode, body: bytes) -> Enrolled:
    """Return what an answer to a claim gives, from the line or a stick. Raises TurnedAway."""
    try:
        return asking.answered(body)
    except ProtocolError as error:
        raise TurnedAway(
            Said(
                "Jawaban ini bukan dari pusat yang memberi kode, atau berubah di jalan. Periksa "
                f"alamat pusat; bila benar, beri tahu pengelola pusat ({error})",
                "The answer is not by the central that gave the code, or was changed on its way. "
                f"Is central's address right? If it is, tell whoever runs central ({error})",
            )
        ) from error


def approval(
    post: Post,
    central: str,
    asking: ByApproval,
    show: Callable[[str], None],
    wait: Callable[[float], bool],
) -> Enrolled:
    """Ask, show the six digits, and wait for a person at central.

    `wait` returns false where no more is to be waited. Raises NotEnrolled.
    """
    try:
        asking.asked(_ask(post, central, ASK_PATH, asking.ask).body)
        show(asking.digits)
        while True:
            try:
                reply = _ask(post, central, asking.path, asking.reveal)
                found = asking.answered(reply.body, is_answer=reply.status == 200)
            except NotYet:
                found = Standing.WAITING
            if isinstance(found, Enrolled):
                return found
            if found is not Standing.WAITING:
                raise TurnedAway(_STANDS[found])
            if not wait(BETWEEN_S):
                raise NotYet(_NOBODY)
    except ProtocolError as error:
        raise TurnedAway(
            Said(
                f"Jawaban itu bukan jawaban pusat yang benar ({error}); periksa alamat pusat",
                f"That is no proper answer of central's ({error}); is its address right?",
            )
        ) from error


def _ask(post: Post, central: str, path: str, body: bytes) -> Reply:
    try:
        reply = post(address(central) + path, body, MAX_ANSWER_BYTES)
    except Unreachable as error:
        raise NotYet(
            Said(
                f"Pusat tidak bisa dihubungi ({error}). Periksa kabel atau Wi-Fi, alamat pusat, "
                "dan apakah pusat menyala",
                f"Central cannot be reached ({error}). Look at the cable or Wi-Fi, central's "
                "address, and whether central runs",
            )
        ) from error
    if reply.status in (200, 202):
        return reply
    why = f"{reply.status} {reply.said}".strip()
    if reply.status == 429 or reply.status >= 500:
        raise NotYet(
            Said(
                f"Pusat sedang sibuk atau terganggu ({why}); dicoba lagi",
                f"Central is busy or in trouble ({why}); it is tried again",
            )
        )
    raise TurnedAway(
        Said(
            f"Pusat menolak ({why}). Minta kode klaim baru di pusat: presensi-central kiosks claim",
            f"Central refuses ({why}). Have a new claim code made there: presensi-central kiosks "
            "claim",
        )
    )


_STANDS: Final = {
    Standing.REFUSED: Said(
        "Pusat menolak kiosk ini. Bila itu keliru, mulai lagi dan cocokkan keenam angka",
        "Central refused this kiosk. If that was a mistake, begin again and compare the six digits",
    ),
    Standing.GONE: Said(
        "Permintaan ini terlalu lama menunggu; mulai lagi",
        "The request has waited for too long; begin again",
    ),
}

_NOBODY: Final = Said(
    "Belum ada yang menyetujui di pusat (presensi-central kiosks approve); mulai lagi",
    "Nobody has approved it at central yet (presensi-central kiosks approve); begin again",
)
