"""Who is let in: real certificates at a real Mosquitto with the real config/mosquitto.conf."""

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from line_post import Device, Post

from sync.central import certify
from sync.line import LineDown, LineRefused
from sync.mqtt import Connection
from sync.protocol.certificate import End

pytestmark = pytest.mark.slow


def let_in(post: Post, device: Device, **more: object) -> None:
    """Connect and leave. Raises LineError."""
    where = post.where(device.tls(post.ca, **more))
    line = Connection(where, f"{device.name}.1", [])
    line.open()
    line.close()


def publish(post: Post, *files: str) -> subprocess.CompletedProcess[str]:
    """Let Mosquitto's own client try it."""
    return subprocess.run(
        ["mosquitto_pub", "-h", "localhost", "-p", str(post.running.port), "-V", "5", "-q", "1",
         "-t", "presensi/v1/k1/up/hello", "-m", "x", "--cafile", str(post.ca), *files],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip


def pair(device: Device) -> tuple[str, ...]:
    return ("--cert", str(device.certificate), "--key", str(device.key_file))


def test_an_admitted_kiosk_and_central_are_let_in(post: Post) -> None:
    post.start()
    let_in(post, post.kiosk("k1"))
    let_in(post, post.central())
    assert publish(post, *pair(Device(post.home / "k1", "k1"))).returncode == 0


def test_without_a_certificate_nobody_is_let_in(post: Post) -> None:
    post.start()
    assert publish(post).returncode != 0
    line = Connection(post.where(None), "k1.1", [])
    with pytest.raises(LineDown, match=r"hung up without an answer.*want TLS there"):
        line.open()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("foreign", "alert unknown ca. The broker does not know who issued ours"),
        ("expired", "alert certificate expired. Ours has run out, .* presensi-central certify"),
        ("early", "alert bad certificate. .*may be from the future"),
        ("revoked", "alert certificate revoked. Ours is revoked: this device was retired"),
        ("a server's", "alert unsupported certificate. Ours is not for a client"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_in_words(
    post: Post, made: str, words: str
) -> None:
    post.start()
    kiosk = post.kiosk("k1")
    let_in(post, kiosk)
    match made:
        case "foreign":
            kiosk = post.stranger("k1")
        case "expired":
            post.recertify(kiosk, days_ahead=-10, life_days=5)
        case "early":
            post.recertify(kiosk, days_ahead=10, life_days=5)
        case "revoked":
            certify.retire(post.house, "k1")
            post.copy_crl()
        case "a server's":
            issued = post.notary().issue(kiosk.key.public, "k1", End.SERVER)
            kiosk.certificate.write_bytes(issued.pem)
    with pytest.raises(LineRefused, match=words):
        let_in(post, kiosk)
    foreign = publish(post, *pair(kiosk))
    assert foreign.returncode != 0, foreign


def test_a_reload_is_enough_for_the_list_of_the_revoked(post: Post) -> None:
    running = post.start()
    kiosk, other = post.kiosk("k1"), post.kiosk("k2")
    said = certify.retire(post.house, kiosk.key.public.fingerprint[:12])
    assert "k1: key" in said
    (post.files / "crl.pem").write_bytes(post.crl.read_bytes())
    running.reload()
    for _ in range(100):  # a signal has no answer
        try:
            let_in(post, kiosk)
        except LineRefused:
            break
    else:
        raise AssertionError("it was let in all the time")
    let_in(post, other)


def test_the_chain_stands_up_to_the_strictest_verification(post: Post) -> None:
    """As Python verifies from 3.13 on: RFC 5280 to the letter."""
    kiosk = post.kiosk("k1")
    for certificate, purpose in (
        (kiosk.certificate, "sslclient"),
        (post.files / "broker.crt", "sslserver"),
    ):
        said = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", str(post.crl),
             "-CAfile", str(post.ca), "-purpose", purpose, str(certificate)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.stdout == f"{certificate}: OK\n", said.stderr


def test_nobody_who_speaks_only_tls_1_2_is_let_in(post: Post) -> None:
    post.start()
    kiosk = post.kiosk("k1")
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{post.running.port}", "-CAfile",
        str(post.ca), "-cert", str(kiosk.certificate), "-key", str(kiosk.key_file),
    ]  # fmt: skip
    old, new = (
        subprocess.run([*command, flag], input="", capture_output=True, text=True, check=False)
        for flag in ("-tls1_2", "-tls1_3")
    )
    assert "alert protocol version" in old.stderr
    assert "Cipher is TLS_" in new.stdout


def test_a_broker_that_speaks_only_tls_1_2_is_refused_in_words(post: Post) -> None:
    kiosk = post.kiosk("k1")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(post.files / "broker.crt", post.files / "broker.key")
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            there, _ = listening.accept()
            with there, pytest.raises(ssl.SSLError):
                made.wrap_socket(there, server_side=True)

        server = threading.Thread(target=serve)
        server.start()
        where = post.where(kiosk.tls(post.ca), port=listening.getsockname()[1])
        with pytest.raises(LineRefused, match=r"protocol version. The broker speaks no TLS 1\.3"):
            Connection(where, "k1.1", []).open()
        server.join()


# What we make of the broker's certificate.


def test_a_broker_under_another_name_or_authority_is_refused_in_words(post: Post) -> None:
    post.recertify_broker(hosts=["elsewhere.example"])
    post.start()
    kiosk = post.kiosk("k1")
    with pytest.raises(LineRefused, match=r"mismatch.*localhost.*another name: is line.host"):
        let_in(post, kiosk)
    post.recertify_broker()
    post.restart()
    let_in(post, kiosk)
    with pytest.raises(LineRefused, match=r"Is line.tls.ca central's ca.pem"):
        Connection(post.where(kiosk.tls(post.foreign_ca())), "k1.1", []).open()


def test_a_kiosk_cannot_pass_for_the_broker(post: Post) -> None:
    post.recertify_broker(end=End.CLIENT)
    post.start()
    with pytest.raises(LineRefused, match=r"purpose.*posing as the broker"):
        let_in(post, post.kiosk("k1"))


def test_a_stolen_broker_is_refused_where_the_kiosk_has_the_list(post: Post) -> None:
    post.start()
    kiosk = post.kiosk("k1")
    certify.revoke(post.house, post.files / "broker.crt")
    let_in(post, kiosk)
    with pytest.raises(LineRefused, match=r"revoked. Somebody may be posing"):
        let_in(post, kiosk, crl=str(post.crl))
    post.recertify_broker()
    post.restart()
    let_in(post, kiosk, crl=str(post.crl))


# A clock that nobody can trust.


@pytest.mark.parametrize(
    ("days_ahead", "words"), [(10, "not yet valid"), (-200, "certificate has expired")]
)
def test_a_wrong_clock_does_not_lock_the_line(post: Post, days_ahead: int, words: str) -> None:
    """To a kiosk in 1970 every certificate is from the future; in 2099 every one has run out."""
    post.recertify_broker(days_ahead=days_ahead)
    post.start()
    tls = post.kiosk("k1").tls(post.ca, crl=str(post.crl))
    with pytest.raises(LineRefused, match=rf"{words}.*clock"):
        Connection(post.where(tls), "k1.1", [], check_times=True).open()
    line = Connection(post.where(tls), "k1.1", [], check_times=False)
    line.open()
    line.close()


def test_without_times_everything_else_is_still_checked(post: Post) -> None:
    post.start()
    kiosk = post.kiosk("k1")

    def refused(words: str, ca: Path = post.ca, **more: str) -> None:
        where = post.where(kiosk.tls(ca, **more))
        with pytest.raises(LineRefused, match=words):
            Connection(where, "k1.1", [], check_times=False).open()

    refused("Is line.tls.ca central's", ca=post.foreign_ca())
    certify.revoke(post.house, post.files / "broker.crt")
    refused("revoked", crl=str(post.crl))
    post.recertify_broker(end=End.CLIENT)
    post.restart()
    refused("purpose")
    post.recertify_broker(hosts=["elsewhere.example"])
    post.restart()
    refused("mismatch")


def test_files_that_do_not_belong_together_are_said(post: Post) -> None:
    post.start()
    one, other = post.kiosk("k1"), post.kiosk("k2")
    one.certificate.write_bytes(other.certificate.read_bytes())
    with pytest.raises(LineRefused, match=r"do not fit together.*the certificate for this key"):
        let_in(post, one)
    one.certificate.write_text("rubbish")
    with pytest.raises(LineRefused, match="do not fit together"):
        let_in(post, one)
    with pytest.raises(LineRefused, match=r"Copy ca\.pem from central again"):
        let_in(post, other, crl=str(one.certificate))


def test_a_renewed_certificate_and_a_new_key_overlap_with_the_old(post: Post) -> None:
    post.start()
    old = post.kiosk("k1")
    renewed = post.kiosk("k1")  # the same key again
    let_in(post, renewed)
    before = Device(post.home / "before", "k1")
    before.key_file.write_bytes(old.key_file.read_bytes())
    before.certificate.write_bytes(old.certificate.read_bytes())
    old.key_file.unlink()
    after = post.kiosk("k1")  # a new key
    assert after.key.public.fingerprint != before.key.public.fingerprint
    let_in(post, before)
    let_in(post, after)
    certify.retire(post.house, old.key.public.fingerprint)
    post.copy_crl()
    let_in(post, after)
    with pytest.raises(LineRefused, match="revoked"):
        let_in(post, before)


def test_a_new_authority_overlaps_with_the_old(post: Post) -> None:
    """Step by step as `authority renew` says: nobody is shut out at any of them."""
    post.start()
    kiosk, later = post.kiosk("k1"), post.kiosk("k2")
    old_ca = post.home / "old-ca.pem"
    old_ca.write_bytes(post.ca.read_bytes())

    def old_trust(device: Device) -> None:
        line = Connection(post.where(device.tls(old_ca)), f"{device.name}.1", [])
        line.open()
        line.close()

    certify.renew_authority(post.house)
    (post.files / "ca.pem").write_bytes(post.ca.read_bytes())
    post.copy_crl()
    old_trust(later)  # nothing has changed for whoever was not visited yet
    kiosk = post.kiosk("k1")  # certified anew, by the new authority
    old_trust(kiosk)
    let_in(post, kiosk, crl=str(post.crl))
    later = post.kiosk("k2")
    post.recertify_broker()
    post.restart()
    let_in(post, kiosk)
    with pytest.raises(LineRefused, match=r"Is line\.tls\.ca central's ca\.pem"):
        old_trust(later)
    certify.end_authority(post.house)
    (post.files / "ca.pem").write_bytes(post.ca.read_bytes())
    post.copy_crl()
    let_in(post, later, crl=str(post.crl))
