"""The contract is what both ends really say: files against types, examples, and live traffic."""

import json
import re
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from drivers.base import Credential, Method, State, Witness
from sync.central import bounds, ingest
from sync.edge.delivery import Timing
from sync.edge.session import Say
from sync.edge.uplink import JITTER_S
from sync.mqtt import LEAST_PACKET_BYTES, MAX_PACKET_BYTES
from sync.protocol import (
    batch,
    chain,
    command,
    dayhead,
    entry,
    hello,
    receipt,
    rostering,
    schemas,
    signed,
    stick,
    topics,
)
from sync.protocol.command import Verb
from sync.protocol.entry import Presence
from sync.protocol.identity import PublicKey

DOCS = Path(__file__).resolve().parents[3] / "docs"
VECTORS = json.loads((DOCS / "vectors.json").read_text(encoding="utf-8"))
MESSAGES = VECTORS["messages"]
DEVICE, CENTRAL = (
    PublicKey.from_pem(VECTORS[name].encode())
    for name in ("device_public_pem", "central_public_pem")
)

Office = Any  # tests/sync/conftest.py: Kiosk, Log, Central; a fixture's module has no name here


def form(name: str) -> Draft202012Validator:
    document = json.loads((DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


FORMS = {name: form(name) for name in schemas.FORMS}


def check(name: str, line: bytes | str) -> None:
    """Hold one JSON text to its schema."""
    FORMS[name].validate(json.loads(line))


@pytest.mark.parametrize("name", schemas.FORMS)
def test_the_schemas_are_the_types(name: str) -> None:
    """`python -m sync.protocol.schemas docs/schemas` writes them anew."""
    assert (DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8") == schemas.text(name)


@pytest.mark.parametrize("name", schemas.FORMS)
def test_a_schema_refuses_what_is_wrong(name: str) -> None:
    wrongs = ["[]", '{"kiosk": 7, "kind": "presence", "online": "yes", "people": [{"id": 7}]}']
    wrongs += [] if name == "page" else ["{}"]  # nobody may belong to a kiosk
    for wrong in wrongs:
        assert not FORMS[name].is_valid(json.loads(wrong))


def test_every_example_message_is_signed_and_in_form() -> None:
    for name, decode, key in (
        ("hello", hello.decode, DEVICE),
        ("answer", receipt.decode, CENTRAL),
        ("answer_after_a_loss", receipt.decode, CENTRAL),
        ("receipt", receipt.decode, CENTRAL),
        ("command", command.decode, CENTRAL),
        ("head", dayhead.decode, DEVICE),
    ):
        _, signed = decode(MESSAGES[name].encode())
        signed.verify(key)
        kind = "receipt" if name.startswith("answer") else name
        check(kind, MESSAGES[name].split("\n")[0])
    whole = batch.decode(MESSAGES["batch"].encode())
    whole.signed.verify(DEVICE)
    check("batch", MESSAGES["batch"].split("\n")[0])
    assert [body.decode() for body in whole.bodies] == [one["body"] for one in VECTORS["entries"]]
    packed = VECTORS["packed"]
    unpacked = batch.unpack(bytes.fromhex(packed["batch"]), packed["encoding"])
    assert batch.decode(unpacked).header == whole.header
    for state in VECTORS["state"]:
        FORMS["state"].validate(state)


def test_every_example_entry_is_in_the_chain() -> None:
    genesis = chain.genesis(VECTORS["kiosk"], VECTORS["epoch"], DEVICE.der)
    assert genesis.hex() == VECTORS["genesis"]
    bodies = [one["body"].encode() for one in VECTORS["entries"]]
    assert [one.hex() for one in chain.walk(genesis, bodies)] == [
        one["hash"] for one in VECTORS["entries"]
    ]
    origins = 0
    for one in VECTORS["entries"]:
        check("entry", one["body"])
        said = entry.decode(one["body"].encode())
        if isinstance(said, Presence):
            assert said.origin.hex() == one["origin"]
            origins += 1
    assert origins == 3
    assert DEVICE.fingerprint == VECTORS["device_fingerprint"]
    assert CENTRAL.fingerprint == VECTORS["central_fingerprint"]


def test_live_traffic_is_in_form(
    office: Office, log: Any, head_office: Any, make_office: Callable[[str], Office]
) -> None:
    """A busy office, a full disk's entries, a fork, a restored central: line by line."""
    office.read(log)
    copy = office.home / "copy"
    office.copy_card(copy)
    head_office.back_up()
    _speak(office, head_office)
    log.fill(25)
    office.read(log)
    _speak(office, head_office)
    office.epochs.live.prune(10)
    head_office.restore()
    assert _speak(office, head_office) >= 2
    office.put_card(copy)
    log.fill(5)
    office.read(log)
    _speak(office, head_office)
    office.restart()
    _speak(office, head_office)
    assert "lost" in head_office.alarms()
    for row in office.rows():
        check("entry", row.body)


_ticks = count()


def _speak(office: Office, head_office: Any) -> int:
    """Let the office deliver, and hold every message to its schema; return how many there were."""
    session = office.converse(head_office)
    acts, messages = deque(session.connected(next(_ticks))), 0
    while acts:
        act = acts.popleft()
        if not isinstance(act, Say):
            continue
        kind = act.topic.rpartition("/")[2]
        message = batch.unpack(act.payload, act.encoding or "plain")
        line, _, *bodies = message.split(b"\n")
        check(kind, line)
        for body in filter(None, bodies):
            check("entry", body)
        answer = head_office.hear(act)
        check("receipt", answer.split(b"\n")[0])
        down = topics.down(office.name, topics.Down.RECEIPT)
        acts += session.heard(down, answer, next(_ticks))
        messages += 1
    return messages


def test_the_topics_of_asyncapi_are_ours() -> None:
    said = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    addresses = {one["address"] for one in said["channels"].values()}
    spoken = set(topics.Up) - {topics.Up.REPLY}  # which is reserved
    heard = set(topics.Down)
    assert addresses == {topics.up("{kiosk}", one) for one in spoken} | {
        topics.down("{kiosk}", one) for one in heard
    }
    text = (DOCS / "asyncapi.yaml").read_text(encoding="utf-8")
    for reference in re.findall(r"\./schemas/(\w+)\.json", text):
        assert reference in schemas.FORMS


PAGE = " ".join((DOCS / "PROTOCOL.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "said",
    [
        f"at most {entry.MAX_BODY_BYTES} bytes. **Epoch**",
        f"a JSON object of at most {signed.MAX_HEADER_BYTES} bytes",
        f"1 to {entry.MAX_BODY_BYTES} each",
        f"1 to {batch.MAX_ENTRIES} entries",
        f"more than {batch.MAX_UNPACKED_BYTES:,} bytes unpacked",
        f"at most {batch.MAX_SENT_BYTES:,} bytes of entries",
        f"at most {entry.MAX_RAW_BYTES} of them",
        f"(at most {ingest.MOST_LOST}, rising)",
        f"At most {rostering.MAX_PAGES:,} of them, each at most {rostering.MAX_PAGE_BYTES:,} bytes",
        f"central makes them {rostering.PAGE_BYTES:,} at most",
        f"at most 2^{bounds.MOST.bit_length() - 1}",
        f"an expiry of {topics.EXPIRY_S} s",
        f"at most {Timing().window} ahead",
        f"not answered within {Timing().answer_s:.0f} s",
        f"from then on every {Timing().answer_most_s:.0f} s",
        f"at a random moment within {JITTER_S:.0f} s",
        f"at most {stick.MAX_PART_BYTES:,}. `contents`",
        f"`contents`, at most {stick.MAX_CONTENTS_BYTES >> 20} MiB",
        f"{LEAST_PACKET_BYTES:,} bytes at least, best of {MAX_PACKET_BYTES:,} (",
    ],
)
def test_the_numbers_of_the_page_are_ours(said: str) -> None:
    assert PAGE.count(said) == 1, said


def test_every_field_is_on_the_page() -> None:
    """Somebody with the page alone knows each field that travels by its name."""
    fields = {
        name
        for form in schemas.FORMS
        for part in _parts(json.loads((DOCS / "schemas" / f"{form}.json").read_text("utf-8")))
        for name in part.get("properties", {})
    }
    assert len(fields) > 50
    assert {one for one in fields if not re.search(rf"\b{one}\b", PAGE)} == set()


@pytest.mark.parametrize(
    "words", [Credential, Method, State, Witness, entry.Mark, entry.Anchor, Verb, batch.Encoding]
)
def test_every_word_is_on_the_page(words: type[StrEnum]) -> None:
    assert {one.value for one in words if f"`{one.value}`" not in PAGE} == set()


def _parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [document, *document.get("$defs", {}).values()]
