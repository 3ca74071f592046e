"""Whom a credential names, and how a roster travels."""

import base64
import subprocess
import zlib
from datetime import date

import msgspec
import pytest

from sync.protocol import rostering
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.roster import Allowed, Directory, Grant, Known, Person, Roster
from sync.protocol.rostering import Manifest, Part, RosterPart
from sync.protocol.signed import sign

KIOSK, CENTRAL, STRANGER = (PrivateKey.generate() for _ in range(3))


def known(person: str, user: str, unit: str = "", **dated: str) -> Known:
    days = {name: date.fromisoformat(day) for name, day in dated.items()}
    return Known(person=person, credential="terminal_user", user=user, unit=unit, **days)


def guest(person: str, unit: str, user: str = "", **dated: str) -> Grant:
    days = {name: date.fromisoformat(day) for name, day in dated.items()}
    return Grant(person=person, unit=unit, allows=Allowed.GUEST, user=user, **days)


STAFF = Directory(
    [
        known("budi", "17", "dinkes", until="2026-06-30"),
        known("siti", "17", "dinkes", since="2026-07-01"),
        known("agus", "17", "rsud"),
        known("rina", "5", "rsud"),
        known("twin a", "9", "dinkes"),
        known("twin b", "9", "dinkes"),
        Known(person="agus", credential="card", user="0007654321"),
    ],
    [
        guest("rina", "dinkes", "905", since="2026-03-01", until="2026-03-31"),
        guest("rina", "setda"),
        Grant(person="rina", unit="bkd", allows="something of a later year"),
    ],
)


@pytest.mark.parametrize(
    ("credential", "user", "day", "units", "person"),
    [
        ("terminal_user", "17", "2026-06-30", ["dinkes"], "budi"),
        ("terminal_user", "17", "2026-07-01", ["dinkes"], "siti"),  # the id was given on
        ("terminal_user", "17", "2026-07-01", ["rsud"], "agus"),  # a unit's ids are its own
        ("terminal_user", "17", "2026-07-01", ["dinkes", "rsud"], None),
        ("terminal_user", "17", "2026-07-01", None, None),
        ("terminal_user", "9", "2026-07-01", ["dinkes"], None),  # nobody guesses
        ("terminal_user", "905", "2026-02-28", ["dinkes"], None),
        ("terminal_user", "905", "2026-03-01", ["dinkes"], "rina"),
        ("terminal_user", "905", "2026-03-31", ["dinkes"], "rina"),
        ("terminal_user", "905", "2026-04-01", ["dinkes"], None),
        ("terminal_user", "5", "2026-03-15", ["dinkes"], None),  # known there as 905 only
        ("terminal_user", "5", "2020-01-01", ["setda"], "rina"),
        ("terminal_user", "5", "2026-03-15", ["bkd"], None),
        ("card", "0007654321", "2026-03-15", ["setda"], "agus"),  # a card is good everywhere
        ("terminal_user", "0007654321", "2026-03-15", None, None),
    ],
)
def test_a_user_id_belongs_to_a_unit_and_a_time(
    credential: str, user: str, day: str, units: list[str] | None, person: str | None
) -> None:
    assert STAFF.person(credential, user, date.fromisoformat(day), units) == person


def test_a_guests_days_are_those_of_the_grant_and_of_the_id_at_home() -> None:
    both = Directory(
        [known("rina", "5", "rsud", since="2026-03-10", until="2026-03-20")],
        [guest("rina", "setda", since="2026-03-01", until="2026-03-15")],
    )
    named = {
        day: both.person("terminal_user", "5", date(2026, 3, day), ["setda"])
        for day in (9, 10, 15, 16)
    }
    assert named == {9: None, 10: "rina", 15: "rina", 16: None}


def test_the_users_of_a_day_are_those_that_name_one_person() -> None:
    assert STAFF.users("terminal_user", date(2026, 7, 1), ["dinkes"]) == {"17": "siti"}
    march = STAFF.users("terminal_user", date(2026, 3, 2), ["dinkes", "setda"])
    assert march == {"17": "budi", "905": "rina", "5": "rina"}


# The wire.

PAGE = b'{"people":[{"id":"1","name":"Siti"}]}'


def message(plain: bytes = PAGE, **other: object) -> bytes:
    said = {"kiosk": "k1", "version": 7, "part": Part.PAGE, "nonce": "n", "sealed": "", **other}
    part = RosterPart(key=CENTRAL.public.fingerprint, **said)  # type: ignore[arg-type]
    return rostering.encode(part, plain, KIOSK.public, CENTRAL)


def test_a_page_is_read_by_its_kiosk_only_and_was_signed_by_central() -> None:
    part, signed = rostering.decode(message())
    signed.verify(CENTRAL.public)
    assert b"Siti" not in signed.rest
    assert rostering.unseal(part, signed, KIOSK) == PAGE
    with pytest.raises(Malformed, match="not sealed to key"):
        rostering.unseal(part, signed, STRANGER)
    with pytest.raises(Unverified):
        signed.verify(STRANGER.public)
    renamed, _ = rostering.decode(message(kiosk="k2"))
    with pytest.raises(Malformed, match="not sealed"):  # for another kiosk it is another seal
        rostering.unseal(renamed, signed, KIOSK)


def test_what_is_not_what_was_signed_is_refused() -> None:
    whole = message()
    behind_line_2 = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for place in (behind_line_2, len(whole) - 1):
        with pytest.raises(Inconsistent):
            rostering.decode(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])


def test_a_page_is_not_unpacked_beyond_its_most() -> None:
    for packed in (zlib.compress(bytes(rostering.MAX_PAGE_BYTES + 1)), zlib.compress(PAGE)[:-1]):
        sealed = KIOSK.public.seal(Domain.ROSTER.around(b"k1"), packed)
        part = RosterPart(kiosk="k1", version=1, part=Part.PAGE, nonce="n", sealed="", key="")
        signed = rostering.take_apart(Domain.ROSTER, sign(Domain.ROSTER, part, CENTRAL, sealed))
        with pytest.raises(Malformed, match="more than"):
            rostering.unseal(part, signed, KIOSK)


@pytest.mark.parametrize(
    "plain",
    [b"", b"{}", b'{"version":1,"pages":["../../etc/passwd"]}', b'{"version":1,"pages":["AB"]}'],
)
def test_a_manifest_names_pages_by_their_digest(plain: bytes) -> None:
    with pytest.raises(ProtocolError):
        rostering.decode_manifest(plain)


def test_pages_make_a_roster() -> None:
    first = Roster(people=[Person(id="1", name="A")], known=[known("1", "1")])
    second = Roster(people=[Person(id="2", name="B")], worktime=msgspec.Raw(b'{"weeks":[]}'))
    pages = [rostering.decode_page(msgspec.json.encode(one)) for one in (first, second)]
    whole, rules = rostering.together(5, pages)
    assert (whole.version, [one.id for one in whole.people]) == (5, ["1", "2"])
    assert [bytes(one) for one in rules] == [b"{}", b'{"weeks":[]}']
    manifest = Manifest(version=5, pages=["ab" * 32])
    assert rostering.decode_manifest(rostering.encode_manifest(manifest)) == manifest


def test_somebody_else_reads_what_we_seal() -> None:
    """HPKE by Node's WebCrypto, from the RFC: a central or kiosk of another make can do it."""
    script = r"""
const { subtle } = require("crypto").webcrypto;
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const join = (...parts) => Uint8Array.from(Buffer.concat(parts.map((p) => Buffer.from(p))));
const text = (t) => new TextEncoder().encode(t);
const two = (n) => Uint8Array.from([n >> 8, n & 255]);
async function hmac(key, data) {
  const salt = key.length ? key : new Uint8Array(32);
  const k = await subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", k, data));
}
const extract = (suite, salt, label, ikm) =>
  hmac(salt, join(text("HPKE-v1"), suite, text(label), ikm));
async function expand(suite, prk, label, info, length) {
  const whole = join(two(length), text("HPKE-v1"), suite, text(label), info);
  return (await hmac(prk, join(whole, Uint8Array.from([1])))).slice(0, length);
}
(async () => {
  const [pkcs8, info, sealed] = process.argv.slice(1).map(bytes);
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const mine = await subtle.importKey("pkcs8", pkcs8, curve, true, ["deriveBits"]);
  const jwk = await subtle.exportKey("jwk", mine);
  const point = (c) => Buffer.from(jwk[c], "base64url");
  const enc = sealed.slice(0, 65);
  const theirs = await subtle.importKey("raw", enc, curve, false, []);
  const dh = new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: theirs }, mine, 256));
  const kem = join(text("KEM"), two(0x10));
  const own = join([4], point("x"), point("y"));
  const eae = await extract(kem, new Uint8Array(), "eae_prk", dh);
  const shared = await expand(kem, eae, "shared_secret", join(enc, own), 32);
  const suite = join(text("HPKE"), two(0x10), two(1), two(2));
  const none = new Uint8Array();
  const psk = await extract(suite, none, "psk_id_hash", none);
  const hash = await extract(suite, none, "info_hash", info);
  const context = join([0], psk, hash);
  const secret = await extract(suite, shared, "secret", none);
  const raw = await expand(suite, secret, "key", context, 32);
  const iv = await expand(suite, secret, "base_nonce", context, 12);
  const key = await subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  const packed = await subtle.decrypt({ name: "AES-GCM", iv }, key, sealed.slice(65));
  process.stdout.write(require("zlib").inflateSync(Buffer.from(packed)));
})();
"""
    _, signed = rostering.decode(message())
    pem = KIOSK.pem.decode().splitlines()
    pkcs8 = base64.b64decode("".join(pem[1:-1]))
    info = Domain.ROSTER.around(b"k1")
    done = subprocess.run(
        ["node", "-e", script, pkcs8.hex(), info.hex(), signed.rest.hex()],
        capture_output=True,
        check=False,
    )
    assert done.stdout == PAGE, done.stderr.decode()
