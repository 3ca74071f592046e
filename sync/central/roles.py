"""Roles: what an account may see and do. Pure.

A unit's account sees the people of its units on the days on which they belong there, and proposes;
the whole city is an officer's. Who reads only changes nothing: a person, or a program's token. An
employee's account is called as their id in the roster, and sees one page: their own code.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Role(StrEnum):
    """What an account is for."""

    ADMIN = "admin"  # everything, and accounts
    OFFICER = "officer"  # the whole city: sees, decides, approves, closes months
    UNIT = "unit"  # some units: sees, and decides what needs nobody else
    READER = "reader"  # the whole city: sees
    EMPLOYEE = "employee"  # their own code, and nothing else


ROLES: Final = {
    Role.ADMIN: "Admin",
    Role.OFFICER: "Petugas kota",
    Role.UNIT: "Admin unit",
    Role.READER: "Pembaca",
    Role.EMPLOYEE: "Pegawai",
}
"""The roles in words."""

EVERY: Final = frozenset(Role) - {Role.EMPLOYEE}
DECIDING: Final = frozenset({Role.ADMIN, Role.OFFICER, Role.UNIT})
OF_THE_CITY: Final = frozenset({Role.ADMIN, Role.OFFICER, Role.READER})
OF_ONESELF: Final = frozenset({Role.EMPLOYEE})
APPROVING: Final = frozenset({Role.ADMIN, Role.OFFICER})


class Visitor(Struct, frozen=True):
    """Somebody who is logged in.

    Attributes:
        units: those of a UNIT account; the others see all.
        token_hash: of the session; b"" for a program's.
        address: from where.
    """

    account: str
    role: Role
    units: Collection[str]
    token_hash: bytes
    address: str

    @property
    def sees_all(self) -> bool:
        """Return whether the whole city is this one's."""
        return self.role in OF_THE_CITY

    def sees(self, *units: str) -> bool:
        """Return whether any of these units is this one's; what is of no unit is the city's."""
        return self.sees_all or any(unit in self.units for unit in units)

    @property
    def may_decide(self) -> bool:
        """Return whether this one may propose: absences, papers, names of strangers."""
        return self.role in DECIDING

    @property
    def may_approve(self) -> bool:
        """Return whether this one may be the second who says yes, and may close months."""
        return self.role in APPROVING
