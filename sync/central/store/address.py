"""Where central's database is: a file of SQLite, or a PostgreSQL server's URL.

The driver is ours to choose, and a password is never shown.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import URL, exc, make_url

_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

URL_FORM: Final = "postgresql://user@host/name"
"""What a server's address looks like, for people."""


class BadAddress(ValueError):
    """It names no database that central can use. The message does not repeat it."""


class Address(Struct, frozen=True):
    """An address that can be opened. `shown` is for messages: without the password."""

    url: URL
    shown: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and so SQLite's."""
        return self.url.get_backend_name() == "sqlite"


def address(database: str | Path) -> Address:
    """Return the address of a file's path or of a URL. Raises BadAddress."""
    if isinstance(database, Path):
        return Address(URL.create("sqlite", database=str(database)), str(database))
    try:
        url = make_url(database)
    except (exc.ArgumentError, ValueError) as error:
        raise BadAddress(f"it cannot be read; write {URL_FORM}") from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise BadAddress(f"it must begin with postgresql://, as in {URL_FORM}")
    if not url.database:
        raise BadAddress(f"it names no database; write {URL_FORM}")
    return Address(url.set(drivername=driver), url.render_as_string(hide_password=True))
