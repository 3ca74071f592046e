"""The vault: whom this kiosk knows by face, encrypted at rest, and whom it must never know again.

    enrolment   one a person: generation, model, on what notice and legal basis, by whom
    record      a template, or a picture that the rules keep for a while: AES-256-GCM, bound to the
                person, the model, its own id and its kind, so that none passes for another
    tombstone   one a person: every generation up to this one is dead, wherever it comes from
    erasure     who was forgotten, and which terminals still know them
    told        what happened, on its way into the journal

Generations are counted, not dated: each enrolment is one above all that the vault knows of that
person, tombstone included. Whoever merges two vaults takes the higher tombstone.

Each change is one transaction with the words that the journal shall say of it, so that nobody is
enrolled or forgotten without an entry for longer than until the next start (`telling.py`). What is
erased is overwritten in the file (`secure_delete`), and the file is written anew (`wash`): in 1,500
enrolments and erasures, pages that had been rearranged before still held one template's ciphertext.
"""

import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import structs

from drivers.faces import UNREADABLE, Enrolled, Known
from kiosk.faces.strongroom import Strongroom
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import About, Action, Erasure, Gone, Kind, Person, Tell, bound_to
from sync.protocol.errors import Unverified
from sync.protocol.sealed import RecordKey


class Vault(Strongroom):
    """One kiosk's vault, in `data`. Implements `drivers.faces.Gallery`. Any thread may ask.

    Attributes:
        trouble: why somebody is not known by face since `known` was asked last, without saying
            who; "" for nobody.
        unread: who they are.
    """

    def __init__(self, data: Path, keys: KeyPlace | None = None) -> None:
        super().__init__(data, keys)
        self.trouble = ""
        self.unread: frozenset[str] = frozenset()

    def open(
        self, bringing: RecordKey | None = None, first: Callable[[], None] = lambda: None
    ) -> None:
        """Open it, as `Strongroom.open` says."""
        super().open(bringing, first)
        self.trouble = ""

    # The gallery.

    @property
    def version(self) -> int:
        """Return what changes whenever anybody's templates do; `UNREADABLE` where none can be."""
        try:
            if self.locked:
                raise VaultError(self.locked)
            return int(self._one("SELECT version FROM vault"))
        except VaultError as why:
            self.trouble = str(why)
            return UNREADABLE

    def known(self, model: str) -> Known:
        """Return everybody's templates of one model. Whatever cannot be read is left out.

        They are decrypted for whoever asks and not kept here; what is wrong is in `trouble`.
        """
        with self._lock:
            try:
                version = int(self._one("SELECT version FROM vault"))
                if self.locked:
                    raise VaultError(self.locked)
                found = self._all(
                    "SELECT r.id, r.person, r.kind, r.sealed FROM record r JOIN enrolment e"
                    " ON e.person = r.person WHERE e.model = ? AND r.kind = ? ORDER BY r.rowid",
                    *(model, Kind.TEMPLATE.value),
                )
                key = self.key if found else None
            except VaultError as why:
                self.trouble = str(why)
                return Known(version=UNREADABLE)
            rows: list[tuple[str, bytes]] = []
            wrong: list[str] = []
            unread = set()
            for record, person, kind, sealed in found:
                try:
                    plain = (key or self.key).open(bound_to(person, model, record, kind), sealed)
                    rows.append((person, plain))
                except Unverified as why:
                    unread.add(person)
                    # Whose it is stands in no log: whoever may know it asks for the list.
                    wrong.append(
                        f"{self.path}: {kind} {record}: {why}; enrol its person again (kiosk enrol "
                        "list says who), and look who wrote to the file"
                    )
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        self.trouble = f"{wrong[0]}{more}" if wrong else ""
        self.unread = frozenset(unread)
        return Known(version=version, rows=rows)

    def size(self) -> int:
        """Return how many people the vault knows. Raises VaultError."""
        return int(self._one("SELECT count(*) FROM enrolment"))

    def people(self) -> list[Person]:
        """Return whom the vault knows, by person. Raises VaultError."""
        found = self._all(
            "SELECT person, generation, model, about,"
            " (SELECT count(*) FROM record r WHERE r.person = e.person AND kind = 'template'),"
            " (SELECT count(*) FROM record r WHERE r.person = e.person AND kind = 'picture')"
            " FROM enrolment e ORDER BY person"
        )
        return [
            Person(
                person=person,
                generation=generation,
                model=model,
                about=self._decoded(about, About),
                templates=templates,
                pictures=pictures,
            )
            for person, generation, model, about, templates, pictures in found
        ]

    def pictures(self, person: str) -> list[bytes]:
        """Return the pictures that are kept of somebody. Raises VaultError."""
        found = self._all(
            "SELECT r.id, e.model, r.sealed FROM record r JOIN enrolment e ON e.person = r.person"
            " WHERE r.person = ? AND r.kind = 'picture' ORDER BY r.rowid",
            person,
        )
        return [
            self._plain(record, person, model, Kind.PICTURE, sealed)
            for record, model, sealed in found
        ]

    # Changing.

    def put(
        self, person: str, enrolled: Enrolled, about: About, tell: Tell, pictures_until: int = 0
    ) -> int:
        """Make somebody known, in place of what was known of them; return the generation.

        Pictures are kept until `pictures_until`, milliseconds UTC; 0 discards them. What it
        replaces is overwritten, and washed out later: a new model has everybody come on one day.

        Raises VaultError: nothing has changed.
        """
        with self.changing() as db:
            generation = 1 + max(self._generation(person), self.tombstones().get(person, 0))
            self.destroy(db, [person])
            db.execute(
                "INSERT INTO enrolment VALUES (?, ?, ?, ?)",
                (person, generation, enrolled.model, msgspec.json.encode(about)),
            )
            for shot in enrolled.shots:
                self.add(db, person, enrolled.model, Kind.TEMPLATE, shot.template.octets)
                if pictures_until and shot.picture:
                    octets = shot.picture.octets
                    self.add(db, person, enrolled.model, Kind.PICTURE, octets, pictures_until)
            self.note(db, _with(tell, generation=f"{generation}"))
        return generation

    def forget(self, erasure: Erasure, tell: Tell) -> Erasure:
        """Destroy what is known of `erasure.person`, for good; return the erasure as it is kept.

        Lasting when it returns. Raises VaultError: nothing has changed.
        """
        person = erasure.person
        with self.changing() as db:
            before = self.tombstones().get(person, 0)
            generation = max(self._generation(person), before, erasure.generation, 1)
            gone = self.destroy(db, [person])
            bury(db, {person: generation})
            done = structs.replace(erasure, generation=generation, gone=tuple(gone))
            self._keep_erasure(db, done)
            self.note(db, _with(tell, generation=f"{generation}", records=f"{len(gone)}"))
        self.wash_after(gone)
        return done

    def prune(self, model: str, tell: Tell) -> list[str]:
        """Destroy what is of another model than `model`; return whose it was. Raises VaultError."""
        with self.changing() as db:
            people = [one.person for one in self.people() if one.model != model]
            gone = self.destroy(db, people)
            if people:
                self.note(db, _with(tell, people=f"{len(people)}"))
        self.wash_after(gone)
        return people

    def end_pictures(self, now: int) -> int:
        """Destroy the pictures whose time is over at `now`, milliseconds; return how many."""
        with self.changing() as db:
            over = self._all("SELECT id, person FROM record WHERE until > 0 AND until <= ?", now)
            if over:
                db.executemany("DELETE FROM record WHERE id = ?", [(one,) for one, _ in over])
                db.execute("UPDATE vault SET unwashed = 1")
            for person in sorted({person for _, person in over}):
                number = sum(other == person for _, other in over)
                detail = {"person": person, "pictures": f"{number}"}
                self.note(db, Tell("kiosk", Action.PICTURES_ERASED, detail))
        self.wash_after(over)
        return len(over)

    def replay(self, tombstones: Mapping[str, int], origin: str) -> list[str]:
        """Take in tombstones from elsewhere; return whom they killed here. Raises VaultError."""
        here = self.tombstones()
        news = {who: n for who, n in tombstones.items() if n > here.get(who, 0)}
        if not news:
            return []
        with self.changing() as db:
            bury(db, news)
            dead = [
                one.person for one in self.people() if one.generation <= news.get(one.person, 0)
            ]
            gone = self.destroy(db, dead)
            for person in dead:
                detail = {"person": person, "generation": f"{news[person]}", "from": origin}
                self.note(db, Tell("kiosk", Action.REPLAYED, detail))
        self.wash_after(gone)
        return dead

    def tombstones(self) -> dict[str, int]:
        """Return up to which generation who is dead. Raises VaultError."""
        return dict(self._all("SELECT person, generation FROM tombstone"))

    # Erasures, and what is told to the journal.

    def erasures(self, *, only_open: bool = False) -> list[Erasure]:
        """Return who was forgotten. Raises VaultError."""
        which = " WHERE is_open" if only_open else ""
        found = self._all(f"SELECT body FROM erasure{which} ORDER BY rowid")  # noqa: S608 - ours
        return [self._decoded(body, Erasure) for (body,) in found]

    def keep_erasure(self, erasure: Erasure, tell: Tell) -> None:
        """Keep what came of one. Raises VaultError."""
        with self.changing() as db:
            self._keep_erasure(db, erasure)
            self.note(db, tell)

    def _keep_erasure(self, db: sqlite3.Connection, one: Erasure) -> None:
        is_open = bool(one.open) or not one.edition
        db.execute(
            "INSERT INTO erasure VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body, is_open = excluded.is_open",
            (one.id, msgspec.json.encode(one), is_open),
        )

    def untold(self) -> list[tuple[int, Tell]]:
        """Return what the journal does not say yet, numbered. Raises VaultError."""
        found = self._all("SELECT n, body FROM told ORDER BY n")
        return [(n, self._decoded(body, Tell)) for n, body in found]

    def counted(self) -> int:
        """Return the number of the latest word that there ever was. Raises VaultError."""
        found = self._all("SELECT seq FROM sqlite_sequence WHERE name = 'told'")
        return int(found[0][0]) if found else 0

    def rename(self) -> None:
        """Be another vault from now on, with the same in it. Raises VaultError."""
        with self.changing() as db:
            db.execute("UPDATE vault SET id = ?", (secrets.token_hex(8),))

    def told(self, through: int) -> None:
        """Let go of what the journal says now. Raises VaultError."""
        with self.changing() as db:
            db.execute("DELETE FROM told WHERE n <= ?", (through,))

    def note(self, db: sqlite3.Connection, tell: Tell) -> None:
        """Have something told, in the transaction that makes it true."""
        db.execute("INSERT INTO told (body) VALUES (?)", (msgspec.json.encode(tell),))

    # Below.

    def add(
        self,
        db: sqlite3.Connection,
        person: str,
        model: str,
        kind: Kind,
        plain: bytes,
        until: int = 0,
        record: str = "",
    ) -> None:
        """Seal one record under the vault's key, new or with the id that it had elsewhere.

        Raises VaultError.
        """
        record = record or secrets.token_hex(16)
        sealed = self.key.seal(bound_to(person, model, record, kind), plain)
        self.insert(db, person, kind, until, record, sealed)

    def insert(
        self,
        db: sqlite3.Connection,
        person: str,
        kind: Kind,
        until: int,
        record: str,
        sealed: bytes,
    ) -> None:
        """Keep a record that rests under the vault's key. Raises VaultError."""
        key = self.key.fingerprint  # before: an empty vault takes any key, and this one's is said
        db.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?)", (record, person, kind.value, until, sealed)
        )
        db.execute("UPDATE vault SET version = version + 1, key = ?", (key,))

    def records(self) -> list[tuple[str, str, str, int, bytes]]:
        """Return (id, person, kind, until, sealed) of all records. Raises VaultError."""
        return self._all("SELECT id, person, kind, until, sealed FROM record ORDER BY rowid")

    def destroy(self, db: sqlite3.Connection, people: Sequence[str]) -> list[Gone]:
        """Delete what is known of `people`; return what it was."""
        gone = []
        for person in people:
            gone += [
                Gone(record, kind, model, sha256(sealed).hexdigest())
                for record, kind, model, sealed in self._all(
                    "SELECT r.id, r.kind, e.model, r.sealed FROM record r JOIN enrolment e"
                    " ON e.person = r.person WHERE r.person = ? ORDER BY r.rowid",
                    person,
                )
            ]
            db.execute("DELETE FROM record WHERE person = ?", (person,))
            db.execute("DELETE FROM enrolment WHERE person = ?", (person,))
        if gone:
            db.execute("UPDATE vault SET version = version + 1, unwashed = 1")
        return gone

    def wash_after(self, gone: Sequence[object]) -> None:
        """Wash the file where something was erased; where that fails it is tried again."""
        if gone:
            with suppress(VaultError):  # what was asked is done; this much is not: `is_washed`
                self.wash()

    def _generation(self, person: str) -> int:
        found = self._all("SELECT generation FROM enrolment WHERE person = ?", person)
        return int(found[0][0]) if found else 0

    def rekey(self, tell: Tell) -> str:
        """Have everything rest under a new key from now on; return its fingerprint.

        The new key is on disk before, and takes the old one's place after the commit: with power
        cut anywhere there is the old key and what rests under it, or the new one. What the file
        still held under the old key is washed out. Raises VaultError; then nothing has changed.
        """
        with self._lock:
            new = RecordKey.generate()
            with self.changing() as db:
                # Only now: another process that replaces it too would be robbed of its proposal.
                old = self.key
                self._keys.propose(new)
                for record, person, model, kind, sealed in self._all(
                    "SELECT r.id, r.person, e.model, r.kind, r.sealed FROM record r"
                    " JOIN enrolment e ON e.person = r.person"
                ):
                    plain = self._plain(record, person, model, kind, sealed, old)
                    again = new.seal(bound_to(person, model, record, kind), plain)
                    db.execute("UPDATE record SET sealed = ? WHERE id = ?", (again, record))
                db.execute(
                    "UPDATE vault SET key = ?, version = version + 1, unwashed = 1",
                    (new.fingerprint,),
                )
                self.note(db, _with(tell, key=new.fingerprint, before=old.fingerprint))
            self._keys.settle(new.fingerprint)
            self._key = new
            self.wash_after([old])
        return new.fingerprint

    def _plain(
        self,
        record: str,
        person: str,
        model: str,
        kind: str,
        sealed: bytes,
        key: RecordKey | None = None,
    ) -> bytes:
        """Return a record, opened with `key`, or with the vault's. Raises VaultError."""
        try:
            return (key or self.key).open(bound_to(person, model, record, kind), sealed)
        except Unverified as why:
            raise VaultError(
                f"{self.path}: {kind} {record} of {person}: {why}; enrol {person} again (kiosk "
                "enrol face), and look who wrote to the file"
            ) from None


def bury(db: sqlite3.Connection, tombstones: Mapping[str, int]) -> None:
    """Raise tombstones, inside a change; none is ever lowered."""
    db.executemany(
        "INSERT INTO tombstone VALUES (?, ?)"
        " ON CONFLICT (person) DO UPDATE SET generation = max(generation, excluded.generation)",
        tombstones.items(),
    )


def _with(tell: Tell, **more: str) -> Tell:
    return structs.replace(tell, detail=tell.detail | more)
