"""Which version a database is of, and how it comes to ours: forward only, all of it or nothing.

A version's number stands in alembic's own table. Databases from before alembic say `schema` 1 in
`about`; they are what 0001 makes, and are carried on.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from sync.central.errors import WrongSchema
from sync.central.store import tables

HEAD: Final = "0010"
"""The version that this code reads and writes: the last of `migrations/versions/`."""

_KNOWN: Final = frozenset(
    {"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", HEAD}
)  # and every one before it

MIGRATIONS: Final = Path(__file__).with_name("migrations")
"""Alembic's script directory."""

_version = table("alembic_version", column("version_num"))
_BEFORE_ALEMBIC: Final = "schema"  # the name in `about`
_FIRST: Final = "0001"


def is_current(connection: Connection, shown: str) -> bool:
    """Return whether the database is of our version. Raises WrongSchema, as `_found`."""
    return _found(connection, shown) == HEAD


def bring_up(connection: Connection, shown: str) -> None:
    """Make the tables, or change them to this version, in the caller's transaction.

    The caller has seen to it that nobody else does. Raises WrongSchema; nothing is changed then.
    """
    found = _found(connection, shown)
    if found == HEAD:
        return  # another central did it while we waited
    # Late: it takes as long to import as the rest of central's store.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found == _BEFORE_ALEMBIC:
        command.stamp(config, _FIRST)
        # A program from before alembic must refuse what is alembic's from now on.
        about = tables.about
        connection.execute(about.delete().where(about.c.name == _BEFORE_ALEMBIC))
    command.upgrade(config, HEAD)


def _found(connection: Connection, shown: str) -> str:
    """Return the database's version: "" for an empty one, `_BEFORE_ALEMBIC` for an old one.

    Raises:
        WrongSchema: it is of a later version, or somebody else's.
    """
    present = set(inspect(connection).get_table_names())
    if not present:
        return ""
    if _version.name in present:
        versions = connection.scalars(select(_version.c.version_num)).all()
        if len(versions) == 1 and versions[0] in _KNOWN:
            return str(versions[0])
        said = " and ".join(map(str, versions)) or "unknown"
    else:
        said = "unknown"
        if tables.about.name in present:
            about = tables.about.c
            asked = select(about.value).where(about.name == _BEFORE_ALEMBIC)
            said = connection.scalar(asked) or said
        if said == "1":
            return _BEFORE_ALEMBIC
    raise WrongSchema(
        f"{shown}: schema {said}, this version knows up to {HEAD}; "
        "install the version that wrote it, or name another database"
    )
