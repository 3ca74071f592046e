"""What copying people from one terminal to another would change, before anything is. Pure.

Keyed by user id. Nobody is removed. Who has another name at the other terminal may be another
person: that is a conflict, told and left alone. Menu rights stay at the terminal that gave them.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, structs

from drivers.store import Known, Privilege, Template, TerminalUser

SAMPLE: Final = 20
"""So many user ids are named in an audit entry."""


class Held(Struct, frozen=True):
    """What one terminal holds.

    Attributes:
        finger_format: which templates its sensor takes; "" where it does not say.
    """

    users: Sequence[TerminalUser]
    fingers: Sequence[Template]
    finger_format: str = ""


class Plan(Struct, frozen=True):
    """What is to be written, and what is to be told.

    Attributes:
        write: people as they are to be written.
        lines: one for each of them, and for each conflict and warning; for people.
        unknown: ids that were asked for and that the first terminal does not know.
    """

    write: tuple[Known, ...]
    lines: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def token(self, key: bytes) -> str:
        """Return what stands for exactly these changes: shown with them, asked back to do them.

        It says nothing of what it stands for to who has not the `key`.
        """
        content = hmac.new(key, digestmod="sha256")
        for known in self.write:
            user = known.user
            for part in (
                user.user.encode(), user.name.encode(), user.privilege.encode(),
                str(user.card).encode(), user.password.octets,
                *(str(one.finger).encode() + one.octets.octets for one in known.fingers),
            ):  # fmt: skip
                content.update(len(part).to_bytes(4, "big") + part)
        return content.hexdigest()[:12]

    @property
    def sample(self) -> str:
        """Return whom it is about, in one line."""
        ids = [known.user.user for known in self.write]
        more = f" and {len(ids) - SAMPLE} more" if len(ids) > SAMPLE else ""
        return ", ".join(ids[:SAMPLE]) + more


def plan(origin: Held, target: Held, wanted: Sequence[str] = ()) -> Plan:
    """Return what brings the people of `origin` to `target`; all of them, or those `wanted`."""
    there = {user.user: user for user in target.users}
    fingers_there = {(one.user, one.finger): one.octets for one in target.fingers}
    fits = _same_format(origin, target)
    write, lines = [], []
    for user in origin.users:
        if wanted and user.user not in wanted:
            continue
        own = [one for one in origin.fingers if one.user == user.user]
        fresh = tuple(one for one in own if fingers_there.get((one.user, one.finger)) != one.octets)
        if fresh and not fits:
            lines.append(
                f"fingers   {user.user} {user.name}: {len(fresh)} not copied, the sensors speak "
                f"{origin.finger_format} and {target.finger_format}; enrol them there"
            )
            fresh = ()
        known = _known(user, there, fresh)
        if isinstance(known, str):
            lines.append(known)
        elif known is not None:
            write.append(known)
            lines.append(_in_words(known, there, fingers_there))
        if user.privilege is not Privilege.USER:
            lines.append(
                f"rights    {user.user} {user.name} is {user.privilege.value} there: not copied"
            )
    unknown = tuple(one for one in wanted if one not in {user.user for user in origin.users})
    return Plan(tuple(write), tuple(lines), unknown)


def _known(
    user: TerminalUser, there: Mapping[str, TerminalUser], fresh: tuple[Template, ...]
) -> Known | str | None:
    """Return whom to write, a conflict in words, or None where nothing is to be done."""
    before = there.get(user.user)
    if before is None:
        return Known(user=structs.replace(user, privilege=Privilege.USER), fingers=fresh)
    if not _may_be_one(before.name, user.name):
        return (
            f"CONFLICT  {user.user} is {user.name!r} here and {before.name!r} there: left alone; "
            "one of the two needs another user id"
        )
    after = structs.replace(
        before,
        name=before.name or user.name,  # terminals cut names; cutting one again is no change
        card=user.card or before.card,
        password=user.password or before.password,
    )
    return None if after == before and not fresh else Known(user=after, fingers=fresh)


def _may_be_one(name: str, other: str) -> bool:
    """Whether two names may be one person's: terminals cut them to their own width."""
    first, second = (one.strip().casefold() for one in (name, other))
    return first.startswith(second) or second.startswith(first)


def _same_format(origin: Held, target: Held) -> bool:
    known = origin.finger_format and target.finger_format
    return not known or origin.finger_format == target.finger_format


def _in_words(
    known: Known, there: Mapping[str, TerminalUser], fingers: Mapping[tuple[str, int], object]
) -> str:
    user, before = known.user, there.get(known.user.user)
    said = list(_changes(user, before))
    for one in known.fingers:
        verb = "replaced" if (user.user, one.finger) in fingers else "added"
        said.append(f"finger {one.finger} {verb}")
    what = "new" if before is None else "changed"
    return f"{what:<9} {user.user} {user.name}: {', '.join(said) or 'no finger'}"


def _changes(user: TerminalUser, before: TerminalUser | None) -> Iterator[str]:
    if before is None:
        if user.card:
            yield "card"
        if user.password:
            yield "keypad password"
        return
    if user.name != before.name:
        yield "name"
    if user.card != before.card:
        yield "another card"
    if user.password != before.password:
        yield "another keypad password"
