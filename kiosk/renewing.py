"""Who keeps this kiosk's certificate young, where it is the daemon's to replace."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from kiosk.settings import Place
from sync.edge.papers import Papers
from sync.edge.post import WHOLE_S, post
from sync.edge.renewer import Renewer
from sync.edge.session import Self
from sync.protocol.identity import PublicKey

POST_S: Final = 2 * WHOLE_S
"""How long its worker may go without a beat: one POST, and the time to begin it."""


def renewer_of(
    place: Place, me: Self, sure: Callable[[], datetime | None], central: list[PublicKey]
) -> Renewer | None:
    """Return the renewer; None without TLS, or where the line has another key than the device's.

    `central` are the keys that the daemon believes; those that a renewal brings join them at once.
    """
    settings, tls = place.settings, place.line.tls
    if settings.line.tls is None or tls is None or settings.line.tls.key:
        return None
    data = place.path(settings.data)
    own = [one for one in place.central if one.is_relative_to(data)]

    def believe(keys: Sequence[PublicKey]) -> None:
        known = {key.fingerprint for key in central}
        central.extend(key for key in keys if key.fingerprint not in known)

    return Renewer(
        me,
        Papers(tls, own[0] if own else None),
        sure,
        post,
        settings.central_web,
        believe=believe,
    )
