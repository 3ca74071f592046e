"""Every key of docs/KEYS.md is replaced with the real parts: nobody shut out, nothing lost."""

import re
from pathlib import Path
from typing import Any

import pytest
from line_ends import Office
from line_post import HOSTS, Device, Post

from sync.central import certify, rekey
from sync.central.house import open_house
from sync.central.notary import LEAF_LIFE
from sync.central.settings import load
from sync.keyfile import load_or_make, load_publics
from sync.line import LineRefused
from sync.mqtt import Connection

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]

REHEARSED = {
    "device key": (
        "system/line/test_certificates.py::test_a_renewed_certificate_and_a_new_key_overlap_with_the_old",
        "sync/central/test_registrar.py::test_the_next_key_is_let_in_by_the_word_of_the_one_before",
    ),
    "central's key": ("system/line/test_rotation.py::test_central_s_key",),
    "authority's key": (
        "system/line/test_certificates.py::test_a_new_authority_overlaps_with_the_old",
    ),
    "central's line key": ("system/line/test_rotation.py::test_central_s_line_key",),
    "broker's key": ("system/line/test_rotation.py::test_the_broker_s_key",),
    "vault's key": (
        "kiosk/test_vault_rekey.py::test_everything_rests_under_the_new_key_and_nothing_under_the_old",
        "kiosk/test_vault_rekey.py::test_another_process_goes_on_with_the_new_key",
    ),
    "unit key": (
        "kiosk/test_vault_rekey.py::test_the_unit_key_is_replaced_and_the_old_shares_open_nothing",
    ),
    "publisher's key": (
        "kiosk/release/test_bundle.py::test_the_publisher_s_key_is_replaced_without_a_gap",
    ),
    "claim code": ("sync/central/test_registrar.py::test_a_code_runs_out",),
}
"""By its row in docs/KEYS.md."""


def test_every_key_that_is_named_has_its_rehearsal() -> None:
    page = (TESTS.parent / "docs" / "KEYS.md").read_text(encoding="utf-8")
    table = page.partition("| key | made |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| ([^|-][^|]*?) \|", table, re.MULTILINE)
    assert sorted(named) == sorted(REHEARSED)
    for one in (one for several in REHEARSED.values() for one in several):
        file, _, name = one.partition("::")
        assert f"\ndef {name}(" in (TESTS / file).read_text(encoding="utf-8"), one


def let_in(post: Post, device: Device, **more: str) -> None:
    """Connect and leave. Raises LineError."""
    line = Connection(post.where(device.tls(post.ca, **more)), f"{device.name}.1", [])
    line.open()
    line.close()


def test_central_s_key(town: Any) -> None:
    """A kiosk that was given the next key in time notices nothing; a late one catches up."""
    town.secure()
    town.start()
    edge, post, office = town.edge, town.post, town.office
    believed: list[Any] = edge.uplink._me.central
    edge.record(3)
    office.agrees_with(edge)

    rekey.begin(post.house)
    published = load_publics(post.house.place.data / "central.pem")
    rekey.use(post.house)
    office.close()
    house = open_house(load(post.home / "central.toml"))
    new = load_or_make(house.place.data / "central.key")
    assert [one.fingerprint for one in published][-1] == new.public.fingerprint
    town.office = office = Office(office.path, office.broker, new)
    office.start()
    edge.record(3)
    edge.says("key")  # not told yet: no receipt of the new key moves its cursor
    assert not edge.delivered
    believed[:] = published
    office.agrees_with(edge)

    rekey.end(house)
    house.store.close()
    believed[:] = load_publics(house.place.data / "central.pem")
    assert len(believed) == 1
    edge.record(3)
    office.agrees_with(edge)
    office.close()


def test_central_s_line_key(post: Post) -> None:
    post.start()
    before = post.central()
    let_in(post, before)
    kept = Device(post.home / "kept", before.name)
    for name in ("key_file", "certificate"):
        getattr(kept, name).write_bytes(getattr(before, name).read_bytes())
        getattr(before, name).unlink()
    certify.revoke(post.house, kept.certificate)
    after = post.central()  # a new key: the file was gone
    assert after.key_file.read_bytes() != kept.key_file.read_bytes()
    let_in(post, after)
    post.copy_crl()
    let_in(post, after)
    with pytest.raises(LineRefused, match="revoked"):
        let_in(post, kept)


def test_the_broker_s_key(post: Post) -> None:
    post.start()
    kiosk = post.kiosk("k1")
    crl = str(post.crl)
    let_in(post, kiosk, crl=crl)
    old = {name: (post.files / name).read_bytes() for name in ("broker.key", "broker.crt")}
    certify.revoke(post.house, post.files / "broker.crt")
    for name in old:
        (post.files / name).unlink()
    certify.certify_broker(post.house, HOSTS, post.files, LEAF_LIFE)
    assert (post.files / "broker.key").read_bytes() != old["broker.key"]
    post.restart()
    let_in(post, kiosk, crl=crl)
    for name, content in old.items():  # whoever took the old one stands in its place
        (post.files / name).write_bytes(content)
    post.restart()
    with pytest.raises(LineRefused, match="revoked"):
        let_in(post, kiosk, crl=crl)
