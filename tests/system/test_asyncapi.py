"""docs/asyncapi.yaml as AsyncAPI's own parser reads it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PEERS = Path(__file__).parent / "peers"
DOCS = Path(__file__).resolve().parents[2] / "docs"
DEADLINE_S = 60.0


def parsed(node_home: Path, document: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(PEERS / "asyncapi_check.js"), str(node_home), str(document)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_its_own_parser_has_nothing_to_say(node_home: Path) -> None:
    found = parsed(node_home, DOCS / "asyncapi.yaml")
    assert found["diagnostics"] == []
    assert len(found["channels"]) == 8


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("./schemas/hello.json", "./schemas/none.json"), ("action: receive", "action: hear")],
)
def test_its_own_parser_sees_a_mistake(
    node_home: Path, tmp_path: Path, right: str, wrong: str
) -> None:
    (tmp_path / "schemas").symlink_to(DOCS / "schemas")
    text = (DOCS / "asyncapi.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "asyncapi.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    assert parsed(node_home, broken)["diagnostics"]
