"""The contract as JSON Schemas, made from the types that both ends use.

    python -m sync.protocol.schemas docs/schemas

writes one file for each thing that travels: a signed message's line 1, the state, an entry's body,
a roster's manifest and page, what an enrolment asks and answers.
docs/asyncapi.yaml says on which topic each is found. A test holds the files to the types.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sync.protocol.batch import BatchHeader
from sync.protocol.command import Command
from sync.protocol.dayhead import DayHead
from sync.protocol.enrolment import (
    Ask,
    Asked,
    ClaimRequest,
    Enrolled,
    EnrolmentLine,
    NotYet,
    Reveal,
)
from sync.protocol.entry import Entry
from sync.protocol.hello import Hello
from sync.protocol.nighthead import NightHead
from sync.protocol.receipt import Receipt
from sync.protocol.renewal import RenewalLine, Renewed, RenewedLine
from sync.protocol.roster import Roster
from sync.protocol.rostering import Manifest, RosterPart
from sync.protocol.stick import Contents
from sync.protocol.topics import State

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

FORMS: Final[Mapping[str, Any]] = {
    "hello": Hello,
    "batch": BatchHeader,
    "entry": Entry,
    "receipt": Receipt,
    "roster": RosterPart,
    "manifest": Manifest,
    "page": Roster,
    "command": Command,
    "state": State,
    "head": DayHead,
    "night": NightHead,
    "stick": Contents,
    "renewal": RenewalLine,
    "certificate": RenewedLine,
    "renewed": Renewed,
    "claim": ClaimRequest,
    "ask": Ask,
    "asked": Asked,
    "reveal": Reveal,
    "not-yet": NotYet,
    "enrolment": EnrolmentLine,
    "enrolled": Enrolled,
}
"""By file name; the signed ones are line 1 of their message."""


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of `FORMS[name]`."""
    (root,), parts = msgspec.json.schema_components([FORMS[name]], ref_template="#/$defs/{name}")
    reference = root.get("$ref", "")
    if reference.startswith("#/$defs/"):  # nothing else refers to it: it is the document
        root = parts.pop(reference.rpartition("/")[2])
    document = {"$schema": DIALECT, "title": name, **_tidied(root)}
    document["title"] = name
    if parts:
        document["$defs"] = {key: _tidied(part) for key, part in sorted(parts.items())}
    return document


def _tidied(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a schema as other readers know it, its prose without our indentation."""
    tidied = {key: value for key, value in part.items() if key != "discriminator"}
    if "description" in tidied:
        tidied["description"] = " ".join(tidied["description"].split())
    return tidied


def text(name: str) -> str:
    """Return the content of the file `NAME.json`."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema into the directory that is named."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name in FORMS:
        (directory / f"{name}.json").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
