"""The head of the night: made once, chained, kept wherever the operator says, and compared."""

import signal
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import AuthResult
from stand.authority import Keys, openssl

from kiosk.cli.demo_setup import program
from sync.central.audit.nightly import AGAIN_MS
from sync.central.audit.witnesses import kept
from sync.protocol import nighthead

HOUR = 3_600_000
DAY = 24 * HOUR


def night_of(central, day: str):
    with central.store.reading() as tx:
        return tx.nights.of_day(day)


@pytest.fixture
def at(central):
    """Return a function that sets central's clock, in UTC: Jakarta is seven hours ahead."""

    def set_clock(when: str) -> None:
        central.now = int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp() * 1000)

    set_clock("2026-11-25T20:00")
    return set_clock


@pytest.fixture
def filled(central, kiosk, deliver, make_kiosk, at):
    """Return two kiosks that have delivered."""
    other = make_kiosk("aula", "e7")
    central.admit(other)
    for one in (kiosk, other):
        one.punches(5)
        deliver(one)
    return kiosk, other


def test_it_speaks_for_every_epoch_and_names_the_one_before(central, filled, deliver, make_nightly):
    kiosk, other = filled
    nightly = make_nightly()
    first = nightly.make()
    assert (first.number, first.day) == (1, "2026-11-26")
    night = nighthead.decode(first.message)
    night.signed.verify(central.authority.public)
    assert [(one.kiosk, one.epoch, one.through, one.head) for one in night.ends] == [
        (one.name, one.epoch, 5, one.hash_at(5).hex()) for one in (other, kiosk)
    ]
    assert night.head.previous == ""
    assert nightly.make() == first
    central.now += DAY
    kiosk.punches(2, 5)
    deliver(kiosk)
    second = nighthead.decode(nightly.make().message)
    assert second.head.previous == night.digest
    assert [one.through for one in second.ends] == [5, 7]


def test_it_is_made_when_its_hour_has_come(central, filled, make_nightly, at):
    nightly = make_nightly(night="02:00")
    at("2026-11-25T18:59")
    nightly.look()
    assert night_of(central, "2026-11-26") is None
    at("2026-11-25T19:00")
    nightly.look()
    assert night_of(central, "2026-11-26") is not None
    at("2026-11-27T11:00")  # central was off in between
    nightly.look()
    assert night_of(central, "2026-11-27").number == 2


def test_a_worker_ends_when_it_is_told(filled, make_nightly, tmp_path):
    (tmp_path / "out").mkdir()
    nightly, stop = make_nightly(night="00:00", directory="out"), threading.Event()
    thread = threading.Thread(target=nightly.run, args=(stop,))
    thread.start()
    for _ in range(2000):
        if list((tmp_path / "out").glob("night-*.txt")):
            break
        thread.join(0.005)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["night-2026-11-26.txt"]


def test_several_centrals_make_one_and_write_it_once(
    central, filled, make_nightly, mail_server, postbox
):
    mail = {"host": "127.0.0.1", "port": mail_server(), "from": "a@b.id", "to": ["c@d.id"]}
    nightlies = [make_nightly(mail=mail) for _ in range(4)]
    together = threading.Barrier(4)

    def go(nightly) -> None:
        together.wait()
        nightly.look()

    threads = [threading.Thread(target=go, args=(one,)) for one in nightlies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert night_of(central, "2026-11-26").number == 1
    assert len(postbox.letters) == 1


# The directory.


def test_a_file_is_written_and_never_overwritten(central, filled, make_nightly, tmp_path, verify):
    out = tmp_path / "out"
    out.mkdir()
    nightly = make_nightly(directory="out")
    night = nightly.make()
    assert nightly.write() == {}
    path = out / "night-2026-11-26.txt"
    assert path.read_bytes() == night.message
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(out.iterdir()) == [path]
    assert verify(copies=kept(out))[0].holds
    central.now += DAY
    (out / "night-2026-11-27.txt").write_bytes(b"somebody else's")
    nightly.make()
    [(copy, why)] = nightly.write().items()
    assert (copy.day, "another head of that night stands there" in why) == ("2026-11-27", True)
    assert (out / "night-2026-11-27.txt").read_bytes() == b"somebody else's"
    assert len(list(out.iterdir())) == 2
    faults = verify(copies=kept(out))[0].faults
    assert [one.what.partition(": ")[2] for one in faults] == ["another head of that night is held"]


def test_a_directory_without_a_head_is_said(filled, make_nightly, tmp_path, verify):
    make_nightly().make()
    [nights, *_] = verify(copies=kept(tmp_path / "out"))
    assert nights.holds
    assert "is it mounted?" in nights.words


def test_a_place_that_is_away_is_said_and_tried_again(central, filled, make_nightly, tmp_path):
    nightly = make_nightly(directory="out")
    nightly.look()
    assert central.alarms() == {"night": 1}
    with central.store.reading() as tx:
        [alarm] = tx.pages.alarms(9)
    assert "out" in alarm.detail
    assert "mount it" in alarm.detail
    (tmp_path / "out").mkdir()
    central.now += AGAIN_MS - 1
    nightly.look()
    assert not list((tmp_path / "out").iterdir())
    assert nightly.write(at_once=True) == {}
    assert list((tmp_path / "out").iterdir())
    assert central.alarms() == {}


def test_a_new_place_gets_the_nights_from_now_on(central, filled, make_nightly, tmp_path):
    make_nightly().look()
    (tmp_path / "out").mkdir()
    central.now += DAY
    make_nightly(directory="out").look()
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["night-2026-11-27.txt"]


# Mail.


def test_it_is_mailed(central, filled, make_nightly, mail_server, postbox):
    mail = {
        "host": "127.0.0.1",
        "port": mail_server(),
        "from": "p@b.id",
        "to": ["c@d.id", "e@f.id"],
    }
    nightly = make_nightly(mail=mail)
    night = nightly.make()
    assert nightly.write() == {}
    [letter] = postbox.letters
    assert (letter["From"], letter["To"]) == ("p@b.id", "c@d.id, e@f.id")
    assert "2026-11-26" in letter["Subject"]
    line = night.message.partition(b"\n")[0]
    words = letter.get_body().get_content()
    assert line.decode() in words
    assert nighthead.digest(line) in words
    [attached] = letter.iter_attachments()
    assert attached.get_filename() == "night-2026-11-26.txt"
    assert attached.get_content() == night.message
    assert nightly.write(at_once=True) == {}
    assert len(postbox.letters) == 1


def test_a_mail_server_that_wants_tls_and_a_password(
    filled, make_nightly, mail_server, postbox, keys, tmp_path
):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys.issue("mail", "host"), keys.home / "mail.key")

    def check(_server, _session, _envelope, _mechanism, given) -> AuthResult:
        right = (given.login, given.password) == (b"presensi", b"rahasia")
        return AuthResult(success=right, handled=False)

    port = mail_server(
        tls_context=context, require_starttls=True, authenticator=check, auth_required=True
    )
    (tmp_path / "password").write_text("salah\n")
    mail = {
        "host": "127.0.0.1", "port": port, "from": "a@b.id", "to": ["c@d.id"],
        "starttls": True, "user": "presensi", "password_file": "password",
    }  # fmt: skip
    nightly = make_nightly(mail=mail)
    nightly.make()
    [why] = nightly.write().values()
    assert "certificate verify failed" in why
    nightly = make_nightly(mail={**mail, "ca": str(keys.ca)})
    [why] = nightly.write(at_once=True).values()
    assert "535" in why
    assert "check [audit.mail]" in why
    (tmp_path / "password").write_text("rahasia\n")
    assert nightly.write(at_once=True) == {}
    assert len(postbox.letters) == 1


def test_one_place_that_refuses_keeps_no_other_from_it(
    central, filled, make_nightly, mail_server, postbox, tmp_path, free_ports
):
    [nobody] = free_ports(1)
    nightly = make_nightly(
        directory="missing",
        mail={"host": "127.0.0.1", "port": mail_server(), "from": "a@b.id", "to": ["c@d.id"]},
        timestamp={"url": f"http://127.0.0.1:{nobody}/", "certificate": "none.pem"},
    )
    nightly.make()
    assert len(nightly.write()) == 2
    assert len(postbox.letters) == 1
    with central.store.reading() as tx:
        assert [(one.kind, one.kiosk) for one in tx.pages.alarms(9)] == [("night", "central")] * 2
    postbox.refusal = "550 go away"
    central.now += DAY
    nightly.make()
    assert any("550" in why for why in nightly.write().values())


# The timestamp.


def stamped(authority, **more) -> dict[str, object]:
    return {"timestamp": {"url": authority.url, "certificate": str(authority.keys.ca)}, **more}


def test_an_authority_s_word_is_kept_and_openssl_believes_it(
    central, filled, make_nightly, authority, tmp_path
):
    (tmp_path / "out").mkdir()
    nightly = make_nightly(**stamped(authority, directory="out"))
    night = nightly.make()
    assert nightly.write() == {}
    token = night_of(central, night.day).token
    answer = tmp_path / "out" / "night-2026-11-26.tsr"
    assert answer.read_bytes() == token
    line = tmp_path / "line"
    line.write_bytes(night.message.partition(b"\n")[0])
    check = ("ts", "-verify", "-in", answer, "-CAfile", authority.keys.ca, "-data", line)
    assert b"Verification: OK" in openssl(*check).stdout
    line.write_bytes(line.read_bytes() + b" ")
    assert openssl(*check, check=False).returncode == 1


def test_an_answer_is_not_asked_for_twice(central, filled, make_nightly, authority, tmp_path):
    nightly = make_nightly(**stamped(authority, directory="out"))
    nightly.make()
    assert len(nightly.write()) == 2  # the answer came, and there is no directory to write it to
    assert authority.asked == 1
    (tmp_path / "out").mkdir()
    assert nightly.write(at_once=True) == {}
    assert authority.asked == 1
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_an_answer_that_does_not_hold_is_refused(
    central, filled, make_nightly, authority, tmp_path, keys
):
    other = Keys(tmp_path / "other")
    answers = []
    authority.spoil_answer = lambda answer: (answers.append(answer), answer)[1]
    wrong = make_nightly(timestamp={"url": authority.url, "certificate": str(other.ca)})
    wrong.make()

    def refused(nightly=None) -> str:
        nightly = nightly or make_nightly(**stamped(authority))
        [why] = nightly.write(at_once=True).values()
        assert night_of(central, "2026-11-26").token is None
        return why

    assert "certificate" in refused(wrong)
    authority.spoil_answer = lambda _: answers[0]  # an old one: another nonce
    assert "Nonce" in refused()
    authority.spoil_answer = lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])
    assert "does not hold" in refused()
    authority.spoil_answer = lambda _: b"<html>"
    assert "does not hold" in refused()
    authority.spoil_answer = lambda _: bytes(300_000)
    assert "longer than" in refused()
    authority.spoil_answer = lambda answer: answer
    authority.spoil_query = lambda query: query.replace(b"\x04\x20", b"\x04\x20" + b"\0", 1)[:-1]
    refused()  # openssl says that it cannot read what it is asked
    authority.spoil_query = lambda query: query
    authority.status = 503
    assert "503" in refused()
    missing = make_nightly(timestamp={"url": authority.url, "certificate": "none.pem"})
    assert "put the certificate there" in refused(missing)
    (tmp_path / "none.pem").write_text("rubbish")
    assert "not certificates" in refused(missing)
    authority.status = 200
    assert make_nightly(**stamped(authority)).write(at_once=True) == {}


# What it proves.


def test_what_the_nights_say_is_compared(central, filled, make_nightly, verify, deliver):
    kiosk, _ = filled
    nightly = make_nightly()
    for _ in range(3):
        nightly.make()
        central.now += DAY
        kiosk.punches(3, len(kiosk.bodies))
        deliver(kiosk)
    nights, aula, lobi = verify()
    assert (nights.nights, aula.nights, lobi.nights) == (3, 3, 3)
    assert nights.holds
    assert aula.holds
    assert lobi.holds


E1 = "kiosk = 'lobi' AND epoch = 'e1'"


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        (["UPDATE epoch SET genesis = :x, born = :born WHERE " + E1], 1, "not that of key"),
        (["DELETE FROM night WHERE number = 2"], 0, "a head of the night before 2026-11-28 is"),
        (["DELETE FROM night WHERE number = 1"], 0, "a head of the night before 2026-11-27 is"),
        (
            ["UPDATE night SET day = '2026-11-01' WHERE number = 2"],
            0,
            "stands for night 2026-11-01",
        ),
        (["UPDATE night SET message = :x WHERE number = 2"], 0, "2026-11-27 does not hold"),
        (
            [
                "UPDATE epoch SET through = 5, head = :five, signed = NULL, signed_through = 0 "
                "WHERE " + E1,
                f"DELETE FROM presence WHERE {E1} AND seq > 5",
                f"DELETE FROM entry WHERE {E1} AND seq > 5",
            ],
            1,
            "in the night of 2026-11-27 it reached entry 8",
        ),
        (
            [
                f"DELETE FROM {table} WHERE {E1}"
                for table in ("boot", "drift", "presence", "origin", "entry", "epoch")
            ],
            1,
            "in the night of 2026-11-28 it reached 11; it is gone",
        ),
    ],
)
def test_whoever_goes_behind_a_night_is_found(
    central, filled, make_nightly, verify, deliver, sql, changes, where, what
):
    kiosk, _ = filled
    nightly = make_nightly()
    for _ in range(3):
        nightly.make()
        central.now += DAY
        kiosk.punches(3, len(kiosk.bodies))
        deliver(kiosk)
    values = {"x": bytes(32), "five": kiosk.hash_at(5), "born": kiosk.key.public.fingerprint}
    for statement in changes:
        sql(statement, **{name: it for name, it in values.items() if f":{name}" in statement})
    found = verify("lobi")
    assert [one.holds for one in found] == [n != where for n in range(2)]
    assert any(what in one.what for one in found[where].faults), found[where].faults


@pytest.mark.slow
def test_run_makes_it_and_ends_well_when_told(tmp_path, free_ports):
    (tmp_path / "out").mkdir()
    [nobody] = free_ports(1)
    config = tmp_path / "central.toml"
    config.write_text(
        f'data = "data"\n[broker]\nhost = "127.0.0.1"\nport = {nobody}\n[web]\nport = 0\n'
        '[audit]\nnight = "00:00"\ndirectory = "out"\n'
    )
    for _ in range(3):
        command = [program("presensi-central"), "--config", config, "run"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as central:
            assert "page at" in central.stdout.readline()
            deadline = time.monotonic() + 30
            while not list((tmp_path / "out").glob("night-*.txt")):
                assert time.monotonic() < deadline
                assert central.poll() is None
                time.sleep(0.02)
            central.send_signal(signal.SIGTERM)
            assert central.wait(10) == 0
        [made] = (tmp_path / "out").glob("night-*.txt")
        made.rename(tmp_path / "first")  # what was done once is not done again
        with subprocess.Popen([program("presensi-central"), "--config", config, "night"]) as again:
            assert again.wait(30) == 0
        assert not list((tmp_path / "out").glob("night-*.txt"))
        (tmp_path / "first").rename(made)
