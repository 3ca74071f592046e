"""Central's database: SQLite or PostgreSQL. The only door to SQLAlchemy, alembic and psycopg.

A `Transaction` is what the rest of central sees: `registry` (keys), `ledger` (entries), `standing`
(alarms, the latest), `times` (what kiosks' clocks are worth), `people` (accounts, who looked),
`city` (the roster of all), `pages` (what is shown), `evidence` (what an audit reads), `nights`
(heads of the night), `issues` (rosters that kiosks were told), `proofs` (how far sources were
read), `punches` (presences to be judged), `days` (what pages ask beside what is judged),
`proposals` and `closings` (what pages decide), `enrolments` (who may become a kiosk).
Whatever is done through one of it is committed together, or not at all.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sync.central.store.arrivals import Arrivals
from sync.central.store.city import CityTables
from sync.central.store.closings import Closings
from sync.central.store.database import Database
from sync.central.store.days import Days
from sync.central.store.enrolments import Enrolments
from sync.central.store.evidence import Evidence
from sync.central.store.issues import Issues
from sync.central.store.ledger import Ledger
from sync.central.store.nights import Nights
from sync.central.store.pages import Pages
from sync.central.store.people import People
from sync.central.store.proofs import Proofs
from sync.central.store.proposals import Proposals
from sync.central.store.punches import Punches
from sync.central.store.registry import Registry
from sync.central.store.standing import Standing
from sync.central.store.times import Times


class Transaction:
    """One transaction's view of the database."""

    def __init__(
        self,
        registry: Registry,
        ledger: Ledger,
        standing: Standing,
        times: Times,
        people: People,
        city: CityTables,
        pages: Pages,
        evidence: Evidence,
        nights: Nights,
        issues: Issues,
        proofs: Proofs,
        punches: Punches,
        days: Days,
        proposals: Proposals,
        closings: Closings,
        enrolments: Enrolments,
    ) -> None:
        self.registry = registry
        self.ledger = ledger
        self.standing = standing
        self.times = times
        self.people = people
        self.city = city
        self.pages = pages
        self.evidence = evidence
        self.nights = nights
        self.issues = issues
        self.proofs = proofs
        self.punches = punches
        self.days = days
        self.proposals = proposals
        self.closings = closings
        self.enrolments = enrolments


class Store:
    """The database, opened once per process. Safe for several threads."""

    def __init__(self, database: Path | str) -> None:
        """`database` is a file's path or a PostgreSQL server's URL. Raises BadAddress."""
        self._database = Database(database)

    def open(self) -> None:
        """Open the database. Raises WrongSchema, StoreUnavailable."""
        self._database.open()

    def close(self) -> None:
        """Close it; may be called twice."""
        self._database.close()

    def get_ready(self, arrivals: Arrivals) -> None:
        """Do what a transaction that stores `arrivals` would have to do otherwise."""
        if self._database.takes_columns:
            arrivals.pack()

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes, committed when the block ends. Raises StoreError.

        Contended: begin it again at once.
        """
        return self._transaction(writes=True)

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state and waits for nobody. Raises StoreError."""
        return self._transaction(writes=False)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Transaction]:
        with self._database.begin(writes=writes) as connection:
            ledger = Ledger(connection)
            yield Transaction(
                Registry(connection),
                ledger,
                Standing(connection),
                Times(connection),
                People(connection),
                CityTables(connection),
                Pages(connection),
                Evidence(connection),
                Nights(connection),
                Issues(connection),
                Proofs(connection),
                Punches(connection),
                Days(connection),
                Proposals(connection),
                Closings(connection),
                Enrolments(connection),
            )
            ledger.settle()
