"""The tables of central's database, as the last of `migrations/versions/` leaves them. Portable.

Texts are as the kiosk sent them, but for NUL, which no text of PostgreSQL holds. Columns named
`*_at` are central's clock, `wall` is the kiosk's; both milliseconds since 1970-01-01 UTC. Hashes
are 32 bytes.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
    func,
    literal_column,
    not_,
    or_,
)

NUL: Final = "\0"
NOT_NUL: Final = "\ufffd"
"""What stands for NUL in a text."""


class Words(TypeDecorator[str]):
    """A text; bytewise in order, as SQLite's, whatever a server's locale is."""

    impl = Text().with_variant(Text(collation="C"), "postgresql")
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        """Return what its values are."""
        return str

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Return `value` as any database takes it."""
        return value.replace(NUL, NOT_NUL) if isinstance(value, str) else value


metadata: Final = MetaData()

_RISING: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers INTEGER keys only


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Words, nullable=False, default=default)


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=default)


def _hash(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _key_text(name: str) -> Column[str]:
    return Column(name, Words, primary_key=True)


# One row per fact about the database itself: its version, central's epoch and key.
about = Table("about", metadata, _key_text("name"), _text("value"))

kiosk_key = Table(
    "kiosk_key",
    metadata,
    _key_text("fingerprint"),
    _text("kiosk"),
    Column("der", LargeBinary, nullable=False),
    _text("status"),
    _number("admitted_at"),
    _text("admitted_by"),
    Index("kiosk_key_by_kiosk", "kiosk"),
)

# Who said hello under a key that nobody admitted: a name and a fingerprint, unverified.
waiting = Table(
    "waiting",
    metadata,
    _key_text("kiosk"),
    _key_text("fingerprint"),
    _number("first_at"),
    _number("last_at"),
)

# `through` and `head` end the contiguous, linked prefix: what receipts speak of.
epoch = Table(
    "epoch",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    _number("number"),
    _text("born"),
    _hash("genesis"),
    _number("through"),
    _hash("head"),
    _number("began_at"),
    # The latest hello: what the kiosk held then, and when it said so by its own boot's clock.
    _text("hello_nonce"),
    _text("hello_boot"),
    _number("hello_up"),
    _number("first"),
    _number("last"),
    # The device's last word on the prefix: lines 1 and 2 of the batch that ended at this entry.
    _number("signed_through"),
    Column("signed", LargeBinary),
)

_EPOCH_KEY: Final = ("kiosk", "epoch")


def _in_epoch() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(_EPOCH_KEY, ["epoch.kiosk", "epoch.epoch"])


# PostgreSQL would look an entry's epoch up for every row, which takes as long as storing it. There
# the lock on the epoch's row, which whoever adds entries holds, says the same once for a batch.
def _in_locked_epoch() -> ForeignKeyConstraint:
    only_sqlite = _in_epoch()
    only_sqlite.ddl_if(dialect="sqlite")
    return only_sqlite


# The ends of signed batches that the prefix has not reached; `signed` as in `epoch`.
signed_end = Table(
    "signed_end",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("through", BigInteger, primary_key=True, autoincrement=False),
    Column("head", LargeBinary, primary_key=True),
    Column("signed", LargeBinary, nullable=False),
    _in_epoch(),
)

# `hash` is in the key so that a fork's entries are kept beside those they contradict.
# `linked` is true for the entries of the prefix; islands and branches are not linked.
entry = Table(
    "entry",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, primary_key=True),
    _hash("prev"),
    Column("body", LargeBinary, nullable=False),
    Column("linked", Boolean, nullable=False),
    Column("readable", Boolean, nullable=False),
    _number("received_at"),
    _in_locked_epoch(),
)

# Derived from `entry`, in order of arrival. `again` marks a punch that another entry reported
# before, named by first_*: it is not counted.
presence = Table(
    "presence",
    metadata,
    Column("id", _RISING, primary_key=True, autoincrement=True),
    _text("kiosk"),
    _text("epoch"),
    _number("seq"),
    _hash("hash"),
    _text("source"),
    _text("terminal"),
    _text("credential"),
    _text("user"),
    _text("time"),
    _text("zone"),
    Column("utc", BigInteger),
    Column("person", Words),
    _text("mark"),
    _text("method"),
    _text("state"),
    _text("witness"),
    Column("drift", BigInteger),
    _number("wall"),
    _number("up"),
    _text("boot"),
    Column("synced", Boolean, nullable=False),
    Column("error", BigInteger),
    Column("again", Boolean, nullable=False),
    _text("first_kiosk"),
    _text("first_epoch"),
    _number("first_seq"),
    _number("received_at"),
    UniqueConstraint("kiosk", "epoch", "seq", "hash"),
    Index("presence_by_terminal", "terminal", "id"),
    Index("presence_by_person", "person", "utc"),
)

# Neighbours in the table are neighbours in time, mostly: PostgreSQL then keeps ranges.
Index("presence_by_utc", presence.c.utc, postgresql_using="brin").ddl_if(dialect="postgresql")
Index("presence_by_kiosk", presence.c.kiosk, presence.c.utc).ddl_if(dialect="sqlite")

OF_NO_TERMINAL: Final = presence.c.credential != literal_column("'terminal_user'")
"""Cards and the like: what is known at more terminals than one."""

Index(
    "presence_by_card",
    presence.c.user,
    presence.c.utc,
    sqlite_where=OF_NO_TERMINAL,
    postgresql_where=OF_NO_TERMINAL,
)

_AT: Final = ("kiosk", "epoch", "seq")

ODD: Final = or_(
    presence.c.utc.is_(None),
    presence.c.drift.is_(None),
    not_(presence.c.synced),
    func.abs(presence.c.drift) >= literal_column("43200000"),
    func.abs(presence.c.wall - presence.c.utc) >= literal_column("172800000"),
)
"""A presence whose `utc` may be far from the truth: its terminal's clock was not measured, or by a
clock that nobody vouched for, or it is half a day off, or it says another day than was written."""

for _name, _of in (("presence_odd", "kiosk"), ("presence_odd_by_person", "person")):
    _columns = (presence.c[_of], presence.c.received_at)
    Index(_name, *_columns, sqlite_where=ODD, postgresql_where=ODD)

ELSEWHERE: Final = and_(presence.c.again, presence.c.kiosk != presence.c.first_kiosk)
"""A punch that another kiosk reported before: both read one terminal."""

Index(
    "presence_elsewhere",
    *(presence.c[f"first_{name}"] for name in _AT),
    sqlite_where=ELSEWHERE,
    postgresql_where=ELSEWHERE,
)

origin = Table(
    "origin",
    metadata,
    Column("origin", LargeBinary, primary_key=True),
    _text("kiosk"),
    _text("epoch"),
    _number("seq"),
    _hash("hash"),
)

# The newest of each source within the prefix: of the epoch that began last, its highest seq.
coverage = Table(
    "coverage",
    metadata,
    _key_text("kiosk"),
    _key_text("source"),
    _number("number"),
    _text("epoch"),
    _number("seq"),
    _text("terminal"),
    _text("through"),
    _text("zone"),
    _number("records"),
)

terminal = Table(
    "terminal",
    metadata,
    _key_text("kiosk"),
    _key_text("source"),
    _number("number"),
    _text("epoch"),
    _number("seq"),
    _text("serial"),
    _text("model"),
    _text("firmware"),
    _text("platform"),
)

# How far each source was read completely: `said` is a `proofs.Run` in JSON.
covered = Table(
    "covered",
    metadata,
    _key_text("kiosk"),
    _key_text("source"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("said", LargeBinary, nullable=False),
)

# Where rows of a terminal may be missing: `said` is a `proofs.Gapped` in JSON.
gapped = Table(
    "gapped",
    metadata,
    _key_text("kiosk"),
    _key_text("source"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("said", LargeBinary, nullable=False),
)

# What the prefix says of each boot of a kiosk; (epoch, seq) is where the boot first appears.
# `gathered` is a `moments.Gathered` in JSON.
boot = Table(
    "boot",
    metadata,
    _key_text("kiosk"),
    _key_text("boot"),
    _text("epoch"),
    _number("seq"),
    Column("gathered", LargeBinary, nullable=False),
    _in_epoch(),
)

# Where a kiosk is in the middle of entries that it rescued, the boot in which it says so.
rescue = Table("rescue", metadata, _key_text("kiosk"), _text("boot"))

# Each measure of a terminal's clock within the prefix. `measured` is a `times.Drifted` in JSON.
drift = Table(
    "drift",
    metadata,
    _key_text("kiosk"),
    _key_text("terminal"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("measured", LargeBinary, nullable=False),
    _number("received_at"),
    _in_epoch(),
)

# Entries that no receipt's `through` speaks for although it lies beyond them: nobody has them.
# Whoever reads silence or coverage as proof must look here. `anchor` is the hash of `last`.
lost = Table(
    "lost",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    _number("last"),
    _hash("anchor"),
    _number("noticed_at"),
    _in_epoch(),
)

# One row per distinct thing (kind, kiosk, subject), however often it is noticed.
alarm = Table(
    "alarm",
    metadata,
    _key_text("kind"),
    _key_text("kiosk"),
    _key_text("subject"),
    _text("detail"),
    _number("count"),
    _number("first_at"),
    _number("last_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _RISING, primary_key=True, autoincrement=True),
    Column("raw", LargeBinary, nullable=False),
    _number("size"),
    _text("reason"),
    _text("topic"),
    _number("at"),
)

kiosk_state = Table(
    "kiosk_state",
    metadata,
    _key_text("kiosk"),
    Column("online", Boolean, nullable=False, default=False),
    _text("boot"),
    _number("connection"),
    _number("since_at"),
    _text("software"),
    _number("hello_at"),
    _number("receipt_at"),
    _number("roster"),
    # What it says of itself, JSON, and when that came; for people only.
    _text("health"),
    _number("health_at"),
)

account = Table(
    "account",
    metadata,
    _key_text("name"),
    Column("salt", LargeBinary, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    _number("cost"),
    _number("created_at"),
    _text("role"),
    _number("ended_at"),
)

# The units that an account sees, where it does not see the whole city.
account_unit = Table(
    "account_unit",
    metadata,
    _key_text("account"),
    _key_text("unit"),
    ForeignKeyConstraint(["account"], ["account.name"]),
)

# A program that reads in the name of an account.
api_token = Table(
    "api_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _text("account"),
    _text("label"),
    _number("created_at"),
    ForeignKeyConstraint(["account"], ["account.name"]),
)

# What somebody wants to have decided, and what became of it. `body` is JSON of `proposals`.
proposal = Table(
    "proposal",
    metadata,
    Column("id", _RISING, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("person"),
    _text("unit"),
    _text("author"),
    _text("reason"),
    _number("made_at"),
    Column("body", LargeBinary, nullable=False),
    _text("state"),
    _text("decided_by"),
    _text("decided_reason"),
    _number("decided_at"),
    Index("proposal_by_state", "state", "id"),
)

# Presences of which a person said when they really were; `utc` is in milliseconds.
settled = Table(
    "settled",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, primary_key=True),
    _number("utc"),
    _text("actor"),
    _number("at"),
)

# Months that are closed: number 0 is the recap as it was frozen, each later one a signed
# difference to what was before. `message` is signed by central.
closing = Table(
    "closing",
    metadata,
    _key_text("unit"),
    _key_text("month"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("actor"),
    _number("made_at"),
    Column("message", LargeBinary, nullable=False),  # last: SQLite reads what is before it alone
)

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _text("account"),
    _number("created_at"),
    _number("seen_at"),
    ForeignKeyConstraint(["account"], ["account.name"]),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", _RISING, primary_key=True, autoincrement=True),
    _number("at"),
    _text("account"),
    _text("address"),
    _text("viewed"),
)

# The city: who belongs where, by which credentials, from when until when. Days are `YYYY-MM-DD`, ""
# where they are open. The columns are named as the fields of what they hold; see `city`.
unit = Table("unit", metadata, _key_text("id"), _text("name"), _text("zone"))

person = Table(
    "person", metadata, Column("person", Words, primary_key=True, key="id"), _text("name")
)

member = Table(
    "member",
    metadata,
    _key_text("person"),
    _key_text("unit"),
    _key_text("since"),
    _text("until"),
)

post = Table(
    "post",
    metadata,
    _key_text("kiosk"),
    _key_text("unit"),
    _key_text("since"),
    _text("until"),
)

known = Table(
    "known",
    metadata,
    _key_text("unit"),
    _key_text("credential"),
    _key_text("user"),
    _key_text("since"),
    _text("until"),
    _text("person"),
)

# `grant` is a word of SQL.
granted = Table(
    "granted",
    metadata,
    _key_text("person"),
    _key_text("unit"),
    _key_text("allows"),
    _key_text("since"),
    _text("until"),
    _text("user"),
    _text("reference"),
)

# Rows of the rules of worktime, by kind and key; `body` is one of `sync.worktime`'s rows in JSON.
rule = Table(
    "rule",
    metadata,
    _key_text("kind"),
    _key_text("key"),
    Column("body", LargeBinary, nullable=False),
)

# Presences of which a person said who it was; `person` is "" where it was nobody of ours.
identified = Table(
    "identified",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, primary_key=True),
    _text("person"),
    _text("actor"),
    _number("at"),
)

# What was imported, as it was: a decision names its digest.
document = Table(
    "document",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    _text("name"),
    Column("content", LargeBinary, nullable=False),
    _number("kept_at"),
)

# Within the prefix: a technician called terminal `after` the successor of `before` at a source.
binding = Table(
    "binding",
    metadata,
    _key_text("kiosk"),
    _key_text("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _text("source"),
    _text("before"),
    _text("after"),
)

# Claim codes that were given out. `key` is derived from the code and authenticates what its holder
# asks; `device` is the fingerprint of the key that used it.
claim = Table(
    "claim",
    metadata,
    _key_text("id"),
    Column("key", LargeBinary, nullable=False),
    _text("kiosk"),
    _text("unit"),
    _text("made_by"),
    _number("made_at"),
    _number("expires_at"),
    _text("device"),
    _number("wrong"),
)

# Devices that ask for a person's approval; what they say of themselves is unverified.
asking = Table(
    "asking",
    metadata,
    _key_text("ticket"),
    Column("request", LargeBinary, nullable=False),
    _text("commitment"),
    _text("nonce"),
    _text("name"),
    _text("software"),
    _text("address"),
    _number("asked_at"),
    _number("seen_at"),
    _text("step"),
    _text("number"),
    _text("kiosk"),
    _text("unit"),
)

# Within the prefix: a kiosk enrolled a finger, under a user that was never before. Who says so of a
# user first is believed. A finger that was removed is still whose its punches were.
finger = Table(
    "finger",
    metadata,
    _key_text("user"),
    _text("kiosk"),
    _text("person"),
    Column("is_gone", Boolean, nullable=False),
)

# Numbers that rise with every change of what they are named for; whoever changes it locks the row.
rising = Table("rising", metadata, _key_text("name"), _number("value"))

# The heads of the night as they were signed, each naming the digest of the one before it. `token`
# is the answer of a timestamp authority.
night = Table(
    "night",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Words, nullable=False, unique=True),
    Column("message", LargeBinary, nullable=False),
    Column("token", LargeBinary),
    _number("made_at"),
)

# Each version of its roster that a kiosk was told: `pages` are a manifest's, in JSON.
roster_issue = Table(
    "roster_issue",
    metadata,
    _key_text("kiosk"),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    _text("pages"),
)

# Where a head of the night is to be written, and whether it was; 0 for never.
night_copy = Table(
    "night_copy",
    metadata,
    _key_text("day"),
    _key_text("place"),
    _number("tried_at"),
    _number("done_at"),
)

# How far the journals of centrals on this database reach, each written with a decision's effects.
journal_end = Table(
    "journal_end",
    metadata,
    _key_text("journal"),
    _key_text("epoch"),
    _number("through"),
    _hash("head"),
)
