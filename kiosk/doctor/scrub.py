"""Texts without personal data: what a bundle for somebody elsewhere may hold. Pure.

Names, ids and cards of everybody in the roster become "<person 3>", the same one everywhere: so it
can still be seen that two lines are about one person. User numbers of terminals are too short to be
found by themselves ("17" is also a minute): they go where a text calls them that.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sync.protocol.roster import Known

LEAST: Final = 4
"""Shorter words of a name are no name by themselves: "Siti" is one, "bin" is none."""

_USERS: Final = re.compile(
    r"\b((?:user|users|number|numbers|nomor)\s+)(\d[\w.-]*(?:,\s*\d[\w.-]*)*)", re.IGNORECASE
)
_SECRETS: Final = re.compile(
    r"(?im)^(\s*(?:comm_key|password|key)\s*=\s*)(?!\"\"|0\s*(?:#|$)).+$|(://)[^/@\s\"]+@"
)


def without_users(text: str) -> str:
    """Return a text without the numbers that it calls a user's."""
    return _USERS.sub(r"\1<user>", text)


class Scrubber:
    """Everybody's words, and what stands in their place."""

    def __init__(self, names: Mapping[str, str], known: Iterable[Known]) -> None:
        """`names` are everybody's by their id, `known` what they are known by."""
        found: dict[str, str] = {}
        numbers: dict[str, int] = {}
        for person, name in names.items():
            number = numbers.setdefault(person, len(numbers) + 1)
            parts = [part for part in name.split() if len(part) >= LEAST]
            for word in (person, name, *parts):
                if len(word) >= LEAST:
                    found.setdefault(word.casefold(), f"<person {number}>")
        for row in known:
            if len(row.user) > LEAST:
                number = numbers.setdefault(row.person, len(numbers) + 1)
                found.setdefault(row.user.casefold(), f"<person {number}>")
        self._found: Mapping[str, str] = found
        longest_first = sorted(found, key=len, reverse=True)
        self._words = re.compile("|".join(map(re.escape, longest_first)), re.I) if found else None

    def clean(self, text: str) -> str:
        """Return a text without anybody in it."""
        if self._words is not None:
            text = self._words.sub(lambda m: self._found[m[0].casefold()], text)
        return without_users(text)

    def settings(self, text: str) -> str:
        """Return a settings file without keys, passwords and anybody."""
        return self.clean(_SECRETS.sub(lambda m: f"{m[1]}<left out>" if m[1] else "://", text))
