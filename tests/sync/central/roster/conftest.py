"""A central to which rosters are given, and files to give."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sync.central.cli import main
from sync.central.house import House, open_house
from sync.central.settings import load

SAMPLE = Path(__file__).parents[1] / "files" / "roster"


@pytest.fixture
def config(make_database: Callable[[], Path | str], tmp_path: Path) -> Path:
    """Return the settings of a central on a new database, of both kinds in turn."""
    database = make_database()
    url = f'database = "{database}"\n' if isinstance(database, str) else ""
    file = tmp_path / "central.toml"
    file.write_text(f'data = "data"\n{url}[broker]\nhost = "x"\n[web]\nport = 0\n')
    return file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a verb and returns (exit code, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["--config", str(config), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def house(config: Path) -> Iterator[House]:
    made = open_house(load(config))
    yield made
    made.store.close()


@pytest.fixture
def sample() -> Path:
    """Return a directory with a small roster, every sheet of it."""
    return SAMPLE


@pytest.fixture
def sheets(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a directory of CSV files: `sheets(units="unit,name\\n...")`."""

    def write(name: str = "roster", **files: str) -> Path:
        to = tmp_path / name
        to.mkdir(exist_ok=True)
        for old in to.iterdir():
            old.unlink()
        for sheet, text in files.items():
            (to / f"{sheet}.csv").write_text(text)
        return to

    return write


BASE: Mapping[str, str] = {
    "units": "unit,name\nA,Dinas A\nB,Dinas B\n",
    "people": "person,name\n1,Budi\n2,Siti\n3,Made\n",
}


@pytest.fixture
def base() -> dict[str, str]:
    """Return sheets with two units and three people."""
    return dict(BASE)
