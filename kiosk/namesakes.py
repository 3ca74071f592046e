"""Whose name it is that a terminal has: cut to its width, typed by hand, with titles or without.

Pure. A name proves little, so what is not whole must at least be nobody else's.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Final, Protocol

ALIKE_LEAST: Final = 8
"""So many letters of a name that was cut say whose it is: what the oldest terminals keep."""


class Kept(Protocol):
    """Cuts a name as a terminal does."""

    def __call__(self, name: str, /) -> str: ...


class Namesakes:
    """Everybody's name, by person, and how a terminal keeps it."""

    def __init__(self, names: Mapping[str, str], kept: Kept) -> None:
        self._names = names
        self._kept = kept

    def whose(self, there: str, ever: Collection[str]) -> list[str]:
        """Return whose name it may be of those who `ever` had the number; nobody's if others' too.

        `Muhammad` is what an old terminal keeps of many, and any of them may have had the number
        before this roster.
        """
        like = [one for one in ever if alike(there, self._names.get(one, ""), self._kept)]
        if any(is_whole(there, self._names[one]) for one in like):
            return like
        starts = {form[:ALIKE_LEAST] for form in _forms(there)}
        others = {one for start in starts for one in self._by_start.get(start, ())} - set(like)
        if any(alike(there, self._names[one], self._kept) for one in others):
            return []
        return like

    @cached_property
    def _by_start(self) -> Mapping[str, set[str]]:
        """Everybody, by how their names begin."""
        found: dict[str, set[str]] = defaultdict(set)
        for person, name in self._names.items():
            for form in _forms(name):
                found[form[:ALIKE_LEAST]].add(person)
        return found


def clean(name: str) -> str:
    """Return a name without what would end it or begin something else: tabs, line breaks, NUL."""
    return " ".join("".join(one if one.isprintable() else " " for one in name).split())


def alike(there: str, name: str, kept: "Kept") -> bool:
    """Return whether the name that a terminal has is `name`: whole, cut, or without its titles."""
    if is_whole(there, name):
        return True
    (here, bare_here), (whole, bare) = _forms(there), _forms(name)
    cut, _ = _forms(kept(clean(name)))
    return here != "" and (here == cut or _begins(here, whole) or _begins(bare_here, bare))


def is_whole(there: str, name: str) -> bool:
    """Return whether the name that a terminal has is `name`, titles aside, and nothing is cut."""
    (here, bare_here), (whole, bare) = _forms(there), _forms(name)
    return (here == whole != "") or (bare_here == bare and len(bare) >= ALIKE_LEAST)


def _begins(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= ALIKE_LEAST and long.startswith(short)


def _forms(name: str) -> tuple[str, str]:
    """Return a name to be compared, whole and without titles: `Drs. H. Budi Santoso, M.Si`."""
    whole = clean(name).casefold()
    words = whole.split(",", 1)[0].split()
    while words and "." in words[0]:
        del words[0]
    return whole, " ".join(words)
