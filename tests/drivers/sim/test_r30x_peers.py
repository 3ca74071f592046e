"""Foreign drivers judge the simulated finger module: Adafruit's 2.2.25, pyfingerprint 1.5, r503.

Each runs as a process of its own over a pseudo-terminal, with a deadline after which it is killed:
enrol, search, template and image both ways, library, notepad, light. What they cannot do is written
where it is left out.
"""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drivers.sim.fingerprint import (
    PROFILES,
    Fault,
    Finger,
    FingerprintModule,
    Pty,
    Rule,
    Touch,
)

pytestmark = pytest.mark.slow

PEERS = Path(__file__).parents[2] / "system" / "peers"
DEADLINE_S = 40.0
SITI, BUDI = Finger("siti"), Finger("budi")
VISITS = [(SITI, 1), (None, 1), (SITI, 2), (BUDI, 1), (SITI, 1)]
"""Enrolled with a pause between, then looked for, another one, and for an image."""

WAYS = {"whole": (), "by bytes": (Rule(Fault.BYTES),), "in two": (Rule(Fault.SPLIT),)}


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    """The peers, installed on the first use."""
    spec = importlib.util.spec_from_file_location("finger_peers_install", PEERS / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install_fingers()
    return module


def said_by(peers: ModuleType, name: str, *arguments: str) -> list[Any]:
    """Run a peer to its end; return the values it says."""
    python = peers.PEERS / name / "bin" / "python"
    done = subprocess.run(
        [str(python), str(PEERS / f"{name}_client.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [one for one in done.stdout.splitlines() if one.startswith("say ")]
    return [json.loads(one.removeprefix("say ")) for one in lines]


def module(tmp_path: Path, profile: str, rules: tuple[Rule, ...]) -> FingerprintModule:
    made = FingerprintModule(profile, Pty(tmp_path / "fp0"), rules=rules)
    made.follow(Touch(finger, looks) for finger, looks in VISITS)
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("profile", ["zfm20", "r307", "r503-1.1", "r503-1.2.2", "r551"])
def test_adafruit(peers: ModuleType, tmp_path: Path, profile: str, way: str) -> None:
    model = PROFILES[profile]
    round_one = profile.startswith("r503")
    search = "slow" if round_one or profile == "r551" else "fast"
    with module(tmp_path, profile, WAYS[way]) as there:
        arguments = [str(tmp_path / "fp0"), search, *(["led"] if round_one else [])]
        said = said_by(peers, "adafruit", *arguments)
        assert there.library == {}
        assert there.glass.scripted == 0
    base = model.index_base  # Adafruit's reads the index table as if it were the pages
    light = [0] if round_one else []
    assert said == [
        [model.capacity, 3, 2, 6],
        [0, 0, 2, 0, 0, 0, 0],
        [0, 0, 0, 5],
        [0, 0, 9, int.from_bytes(model.miss[:2], "big")],
        0,
        [model.template_bytes, "0301"],
        [True, 0],
        [0, True],
        [0, 0],
        [model.image_bytes, True, True],
        [0, [5 + base, 6 + base], 0],
        [0, 0, [6 + base]],
        0,
        *light,
        0,
        [0, 0, 0],
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("profile", ["zfm20", "r307"])
def test_pyfingerprint(peers: ModuleType, tmp_path: Path, profile: str, way: str) -> None:
    # Its images have 256 x 288 pixels, whatever the module's have: so only those that have as many.
    with module(tmp_path, profile, WAYS[way]) as there:
        picture = tmp_path / "finger.bmp"
        said = said_by(peers, "pyfingerprint", str(tmp_path / "fp0"), str(picture))
        assert there.library == {}
        assert there.glass.scripted == 0
    assert picture.stat().st_size > 256 * 288
    assert said == [
        True,
        [PROFILES[profile].capacity, 128, 57_600],
        [True, True, False, True],
        [True, True, 5],
        [True, True, 5],
        [True, True, -1],
        True,
        [512, [3, 1]],
        [True, 6],
        True,
        [5, 6],
        [True, 1],
        True,
        2,
        [True, 0],
    ]


@pytest.mark.parametrize("way", WAYS)
def test_r503(peers: ModuleType, tmp_path: Path, way: str) -> None:
    made = FingerprintModule("r503-1.2.2", Pty(tmp_path / "fp0"), rules=WAYS[way])
    made.follow([Touch(SITI, 5), Touch(BUDI, 1), Touch(SITI, 1)])  # four to enrol, no pause
    with made as there:
        said = said_by(peers, "r503", str(tmp_path / "fp0"))
        assert there.library == {}
        assert there.glass.scripted == 0
        assert there.light == bytes([3, 0, 4, 0])
    assert said == [
        [0, 0, 0],
        [200, 57_600, True],
        ["R503", "SIM00001", 192, 1536],
        [0, 5],
        [9, None],
        0,
        [1536, "0301"],
        [None, 0],
        18_432,
        [[5, 6], 2],
        [0, [6]],
        [0, "token of ours"],
        [0, 0],
        [0, 0, 545],  # all 568 bytes with their heads, but for the first 21 and the last two
        [0, 0, True],
        [0, 0],
    ]
