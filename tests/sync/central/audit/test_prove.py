"""A proof holds by a program that knows nothing of us, and not with any of its parts changed."""

import base64
import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sync.central.audit.page import render
from sync.central.audit.proof import Proof, prove
from sync.central.authority import KEY_FILE
from sync.central.cli import main
from sync.central.exits import Refused
from sync.protocol import dayhead, entry
from sync.protocol.dayhead import DayHead
from sync.protocol.identity import PrivateKey

VERIFIER = Path(__file__).parents[4] / "docs" / "verify_proof.py"
STAMP = entry.Stamp(wall=1_764_000_000_000, up=1, boot="b" * 32, synced=True)
DAY = 86_400_000


@pytest.fixture
def make_proof(central):
    """Return a function that proves an entry."""

    def run(kiosk, seq: int) -> Proof:
        with central.store.reading() as tx:
            return prove(tx, central.authority.keys, kiosk.name, kiosk.epoch, seq)

    return run


@pytest.fixture
def elsewhere(tmp_path, central, kiosk) -> Path:
    """Return a directory with nothing of ours but the verifier and keys."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copy(VERIFIER, home)
    (home / "central.pem").write_bytes(central.authority.public.pem)
    (home / "device.pem").write_bytes(kiosk.key.public.pem)
    (home / "other.pem").write_bytes(PrivateKey.generate().public.pem)
    return home


@pytest.fixture
def check(elsewhere):
    """Return a function that runs the verifier there: (exit code, what it printed)."""

    def run(proof: object, *words: object) -> tuple[int, str]:
        text = proof if isinstance(proof, str) else msgspec.json.encode(proof).decode()
        (elsewhere / "proof.json").write_text(text)
        done = subprocess.run(
            [sys.executable, "-I", "verify_proof.py", "proof.json", *map(str, words)],
            cwd=elsewhere, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def head_of_day(kiosk, seq: int) -> entry.Audit:
    head = DayHead(
        kiosk=kiosk.name,
        epoch=kiosk.epoch,
        seq=seq,
        head=kiosk.hash_at(seq).hex(),
        day="2026-11-24",
        utc=STAMP.wall,
        key=kiosk.key.public.fingerprint,
    )
    signed = dayhead.encode(head, kiosk.key).decode()
    return entry.Audit(at=STAMP, actor="kiosk", action="head", detail={"signed": signed})


@pytest.fixture
def witnessed(central, kiosk, deliver, make_kiosk, make_nightly, authority):
    """Return a kiosk with 12 entries, nights at 5 and 9, the second one with a timestamp."""
    for number in range(5):
        other = make_kiosk(f"k{number}", f"x{number}")
        central.admit(other)
        other.punches(number)
        deliver(other)
    kiosk.punches(5)
    deliver(kiosk)
    make_nightly().make()
    central.now += DAY
    kiosk.punches(4, 5)
    deliver(kiosk)
    stamp = {"url": authority.url, "certificate": str(authority.keys.ca)}
    nightly = make_nightly(timestamp=stamp)
    nightly.make()
    assert nightly.write() == {}
    kiosk.punches(3, 9)
    deliver(kiosk)
    return kiosk


@pytest.mark.parametrize("seq", [1, 5, 6, 9])
def test_a_proof_holds_for_somebody_who_has_nothing_of_ours(
    witnessed, make_proof, check, elsewhere, keys, seq
):
    proof = make_proof(witnessed, seq)
    day = "2025-11-24" if seq <= 5 else "2025-11-25"
    assert f'"day":"{day}"' in proof.night.line
    assert len(proof.digests) == 12 - seq
    code, said = check(proof)
    assert code == 0, said
    assert said.count("TRUSTED") == 2
    assert witnessed.key.public.fingerprint in said
    assert "Everything in the proof holds." in said
    assert f"entry {seq} of journal e1 of lobi says:" in said
    code, said = check(proof, "--device-key", "device.pem", "--central-key", "central.pem")
    assert (code, said.count("TRUSTED")) == (0, 0), said
    for wrong in ("--device-key", "--central-key"):
        code, said = check(proof, wrong, "other.pem")
        assert (code, "DOES NOT HOLD" in said) == (1, True)


def test_no_other_entry_is_in_it(witnessed, make_proof):
    proof = msgspec.json.encode(make_proof(witnessed, 3)).decode()
    # A quotation mark before it: a signature in base64 may have any letters.
    assert re.findall(r"(?:\"P|user\W+)\d\b", proof) == ['user\\":\\"2', '"P2']


def test_the_kept_head_of_the_night(central, witnessed, make_proof, check, elsewhere):
    with central.store.reading() as tx:
        nights = list(tx.nights.all())
    for night in nights:
        (elsewhere / f"night-{night.day}.txt").write_bytes(night.message)
    first, second = (f"night-{night.day}.txt" for night in nights)
    assert check(make_proof(witnessed, 3), "--night", first)[0] == 0
    code, said = check(make_proof(witnessed, 3), "--night", second)
    assert (code, "is another head of the night" in said) == (1, True)
    kept = (elsewhere / first).read_bytes().replace(b"lobi e1 5", b"lobi e1 4")
    (elsewhere / first).write_bytes(kept)
    code, said = check(make_proof(witnessed, 3), "--night", first)
    assert (code, "has another line in its place" in said) == (1, True)


def test_the_timestamp(witnessed, make_proof, check, keys, tmp_path):
    code, said = check(make_proof(witnessed, 8))
    assert (code, "UNKNOWN whether the timestamp holds" in said) == (0, True)
    code, said = check(make_proof(witnessed, 8), "--authority", keys.ca)
    assert (code, "the timestamp of the authority in" in said) == (0, True)
    code, said = check(make_proof(witnessed, 8), "--authority", keys.issue("other", "host"))
    assert (code, "openssl refuses the timestamp" in said) == (1, True)
    assert check(make_proof(witnessed, 3), "--authority", keys.ca)[0] == 1


def test_without_a_night_the_device_proves_it_alone(witnessed, make_proof, check):
    proof = make_proof(witnessed, 11)
    assert proof.night is None
    assert len(proof.digests) == 1
    code, said = check(proof)
    assert (code, "MISSING a head of the night" in said) == (0, True)
    assert check(proof, "--central-key", "central.pem")[0] == 1


def test_a_head_of_the_day_is_nearer_than_the_last_batch(
    central, kiosk, deliver, make_proof, check
):
    kiosk.punches(4)
    kiosk.add(head_of_day(kiosk, 4))
    kiosk.punches(50, 5)
    deliver(kiosk)
    proof = make_proof(kiosk, 2)
    assert proof.device.domain == "presensi-head-v1"
    assert len(proof.digests) == 2
    assert check(proof, "--device-key", "device.pem")[0] == 0
    assert make_proof(kiosk, 5).device.domain == "presensi-batch-v1"
    assert check(make_proof(kiosk, 5))[0] == 0


def test_behind_it_entries_are_lost(central, kiosk, deliver, make_proof, check, make_nightly):
    kiosk.punches(5)
    deliver(kiosk)
    make_nightly().make()
    kiosk.punches(10, 5)
    central.hello(kiosk, first=9)
    central.batch(kiosk, 9)
    proof = make_proof(kiosk, 3)
    assert proof.device is None
    code, said = check(proof, "--central-key", "central.pem")
    assert (code, "MISSING the device's signature" in said) == (0, True)
    assert make_proof(kiosk, 9).device is not None
    with pytest.raises(Refused, match="not held"):
        make_proof(kiosk, 7)


def changes(value: object, path: tuple = ()) -> Iterator[tuple[tuple, object]]:
    """Yield (where, another value) for everything in a proof, one change at a time."""
    match value:
        case dict():
            for name, one in value.items():
                yield from changes(one, (*path, name))
                yield (*path, name), ...  # left out
            yield (*path, "more"), "x"
        case list():
            for place, one in enumerate(value):
                yield from changes(one, (*path, place))
                yield (*path, place), ...
            yield (*path, len(value)), "0" * 64
            yield path, value[::-1]
        case str():
            # Each class of characters there is, at its first place and at its last.
            for kind in (r"[0-9]", r"[a-z]", r"[A-Z]", r"[^0-9A-Za-z]"):
                found = [match.start() for match in re.finditer(kind, value)]
                for at in {*found[:1], *found[-1:]}:
                    other = {"0": "1", "a": "b", "A": "B"}.get(value[at], "0")
                    other = "1" if other == value[at] else other
                    yield path, value[:at] + other + value[at + 1 :]
            yield from (
                (path, other)
                for other in (value + " ", value + "\n", value[:-1], value.upper(), None, 1)
            )
        case int():
            yield from (
                (path, other) for other in (value + 1, value - 1, -value, str(value), None, True, 0)
            )
        case None:
            yield path, "x"


def changed(whole: object, path: tuple, value: object) -> object:
    if not path:
        return value
    whole = copy.deepcopy(whole)
    *way, last = path
    inner = whole
    for step in way:
        inner = inner[step]
    if value is ...:
        del inner[last]
    elif isinstance(inner, list) and last == len(inner):
        inner.append(value)
    else:
        inner[last] = value
    return whole


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_change_is_refused(lite_only, witnessed, make_proof, elsewhere, keys):
    proof = json.loads(msgspec.json.encode(make_proof(witnessed, 6)))
    token = base64.b64decode(proof["night"]["token"])
    spoiled = [changed(proof, path, value) for path, value in changes(proof)]
    # The token's own bytes: its content and its signature, which openssl looks at.
    for at in (*range(60, len(token), 97), len(token) - 1):
        other = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        spoiled.append(changed(proof, ("night", "token"), base64.b64encode(other).decode()))
    for other in (token + b"\0", token + token, token[:-1], b"", b"0"):
        spoiled.append(changed(proof, ("night", "token"), base64.b64encode(other).decode()))
    spoiled = [one for one in spoiled if one != proof]
    texts = [json.dumps(one) for one in spoiled]
    texts += [json.dumps(proof)[:-1], json.dumps(proof).replace('"seq"', '"seq": 6, "seq"', 1), ""]
    assert len(texts) > 300
    # One process for all: what it does per proof is what `main` does.
    (elsewhere / "texts.json").write_text(json.dumps([json.dumps(proof), *texts]))
    program = """
import contextlib, io, json, pathlib, sys
sys.path.insert(0, ".")
import verify_proof
sys.argv[1:] = ["proof.json", "--authority", sys.argv[1], "--device-key", "device.pem"]
for text in json.loads(pathlib.Path("texts.json").read_text()):
    pathlib.Path("proof.json").write_text(text)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = verify_proof.main()
    print(code, said.getvalue().splitlines()[-1][:150])
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, keys.ca],
        cwd=elsewhere, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(texts) + 1
    assert lines[0] == "0 Everything in the proof holds."
    held = [text for text, line in zip(texts, lines[1:], strict=True) if not line.startswith("1 ")]
    assert held == []


def test_what_does_not_hold_is_not_handed_out(central, witnessed, make_proof, sql):
    at = "kiosk = 'lobi' AND epoch = 'e1'"
    sql(f"UPDATE entry SET body = :body WHERE {at} AND seq = 7", body=b"{}")
    with pytest.raises(Refused, match="entry lobi e1 7: it does not hold"):
        make_proof(witnessed, 6)
    assert make_proof(witnessed, 8).seq == 8
    sql(f"UPDATE epoch SET signed = :body WHERE {at}", body=b"{}\nxx")
    with pytest.raises(Refused, match="verify lobi"):
        make_proof(witnessed, 8)
    for seq in (0, 13, -1):
        with pytest.raises(Refused, match="not held"):
            make_proof(witnessed, seq)


def test_the_page_says_it_in_two_languages_and_stands_alone(witnessed, make_proof):
    page = render(make_proof(witnessed, 8))
    assert "07.28.41 WIB · Sel 24 Nov 2026" in page
    for words in ("P7", "CKPG1", witnessed.key.public.fingerprint, "sampai catatan 9", "otoritas"):
        assert words in page
    assert not re.search(r"""(src|href)=|url\(|@import|<script""", page)
    assert page.index("Bukti catatan presensi") < page.index("Proof of an attendance record")
    alone = render(make_proof(witnessed, 11))
    assert "Belum ada kepala malam" in alone


def test_the_page_says_nothing_that_a_device_wrote_as_markup(kiosk, deliver, make_proof):
    kiosk.punch(user="<script>x</script>", time="2026-02-31T07:00:00", terminal="</pre>")
    kiosk.body(b'{"kind":"later"}')
    kiosk.body(b"<script>")
    kiosk.body(b"\xff")
    deliver(kiosk)
    for seq in (1, 2, 3):
        page = render(make_proof(kiosk, seq))
        assert "<script" not in page
        assert page.count("</pre>") == 2
    assert "2026-02-31T07:00:00" in render(make_proof(kiosk, 1))
    with pytest.raises(Refused, match="no text"):
        make_proof(kiosk, 4)


def test_the_verb_writes_both_for_a_punch(
    lite_only, central, witnessed, tmp_path, capsys, elsewhere
):
    # The verb opens a house of its own over the same database and key.
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / KEY_FILE).write_bytes(central.authority._key.pem)
    config = tmp_path / "central.toml"
    config.write_text('data = "data"\n[broker]\nhost = "x"\n')
    central.store.close()
    central.database.rename(tmp_path / "data" / "central.db")
    punch = ("--punch", "lobi/CKPG1", "7", "2026-11-24T07:28:41", "--out", str(elsewhere / "bukti"))
    assert main(["--config", str(config), "prove", *punch]) == 0
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err) == (2, "")
    for path in map(Path, said.out.splitlines()):
        assert path.parent == elsewhere / "bukti"
        assert path.stat().st_mode & 0o777 == 0o600
    proof = next(path for path in map(Path, said.out.splitlines()) if path.suffix == ".json")
    assert "-8." in proof.name
    words = [sys.executable, "-I", "verify_proof.py", proof, "--central-key", "central.pem"]
    assert subprocess.run(words, cwd=elsewhere, capture_output=True).returncode == 0
    assert main(["--config", str(config), "verify", "lobi"]) == 0
    assert "lobi e1: HOLDS: 12 entries, linked to 12, signed by the device to 12, 2 nights" in (
        capsys.readouterr().out
    )
