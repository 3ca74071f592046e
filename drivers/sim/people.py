"""The staff that the simulated terminals know: invented people with Indonesian names."""

from typing import Final

from msgspec import Struct

FIRST_USER_ID: Final = 1001
"""Staff numbers count up from here, as an office's do."""

_GIVEN: Final = (
    "Adi", "Agus", "Ayu", "Bambang", "Budi", "Citra", "Dewi", "Dian", "Eka", "Endang", "Fajar",
    "Fitri", "Gede", "Hendra", "Indah", "Joko", "Kadek", "Ketut", "Lestari", "Made", "Nurul",
    "Nyoman", "Putri", "Rahmat", "Ratna", "Rina", "Siti", "Sri", "Teguh", "Tri", "Wahyu", "Wayan",
    "Yanti", "Yusuf",
)  # fmt: skip
_FAMILY: Final = (
    "Astuti", "Gunawan", "Handayani", "Hidayat", "Kurniawan", "Kusuma", "Lubis", "Maharani",
    "Nasution", "Nugroho", "Permana", "Pratama", "Purnomo", "Rahayu", "Santoso", "Saputra",
    "Setiawan", "Siregar", "Suryani", "Susanto", "Utami", "Wibowo", "Widodo", "Wijaya",
    "Wulandari", "Yulianti", "Zulkarnain",
)  # fmt: skip


class Person(Struct, frozen=True):
    """One person as a terminal keeps them.

    Attributes:
        user_id: the employee's number, up to 24 bytes; old terminals want digits.
        name: cut by the terminal to its own width.
        privilege: 0 user, 2 enroller, 6 manager, 14 super-admin.
        card: card number, 0 for none.
        uid: the terminal's own slot (1 to 65535); 0 lets the terminal choose.
    """

    user_id: str
    name: str
    privilege: int = 0
    password: str = ""
    card: int = 0
    uid: int = 0


def simulated_staff(count: int) -> list[Person]:
    """Return `count` people, always the same ones: "1001", "1002", ..."""
    return [Person(str(FIRST_USER_ID + n), _name(n)) for n in range(count)]


def _name(n: int) -> str:
    # 34 and 27 have no common factor: the first 918 names all differ.
    return f"{_GIVEN[n % len(_GIVEN)]} {_FAMILY[n % len(_FAMILY)]}"
