"""A roster's file, whatever its form: a workbook, a CSV file, or a directory of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sync.central.roster import csvfiles, xlsx
from sync.central.roster.table import Source, Table, Unreadable, load
from sync.keyfile import KeyFileError, write_durably

_MODE = 0o600  # names and memberships are nobody else's


def sources(path: Path) -> list[Source]:
    """Return the files at `path` as they are. Raises Unreadable."""
    if not path.is_dir():
        return [Source(path.name, load(path))]
    try:
        found = sorted(one for one in path.iterdir() if one.suffix.casefold() == csvfiles.ENDING)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    if not found:
        raise Unreadable(f"{path}: no {csvfiles.ENDING} file in it; one for each sheet is needed")
    return [Source(one.name, load(one)) for one in found]


def tables(given: Sequence[Source]) -> list[Table]:
    """Return the tables in files. Raises Unreadable."""
    found = []
    for one in given:
        if one.name.casefold().endswith(xlsx.ENDING):
            found += xlsx.read(one)
        else:
            found.append(csvfiles.read(one))
    return found


def write_one(path: Path, name: str, rows: Sequence[Sequence[str]]) -> None:
    """Write one table: a workbook with a sheet `name` if `path` ends so, else a CSV file.

    Raises Unreadable: it cannot be written.
    """
    is_book = path.suffix.casefold() == xlsx.ENDING
    try:
        write_durably(path, xlsx.write({name: rows}) if is_book else csvfiles.write(rows), _MODE)
    except (OSError, KeyFileError) as error:
        raise Unreadable(f"{path}: {error}") from error


def write(path: Path, sheets: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write sheets: a workbook if `path` ends so, else a directory of CSV files.

    Raises Unreadable: it cannot be written.
    """
    if path.suffix.casefold() == csvfiles.ENDING:
        raise Unreadable(
            f"{path}: one CSV file holds one sheet; name a directory, or a file that ends in "
            f"{xlsx.ENDING}"
        )
    try:
        if path.suffix.casefold() == xlsx.ENDING:
            write_durably(path, xlsx.write(sheets), _MODE)
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, rows in sheets.items():
            write_durably(path / f"{name}{csvfiles.ENDING}", csvfiles.write(rows), _MODE)
    except (OSError, KeyFileError) as error:
        raise Unreadable(f"{path}: {error}") from error
