"""powercut.py as a process, and how to command it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).resolve().with_name("powercut.py")
ENDS_WITHIN_S = 10.0


class Disk:
    """A disk mounted on `place` that loses power, runs full or lies when it is told to."""

    def __init__(self, place: Path, names: str) -> None:
        place.mkdir()
        self.place = place
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(place), "--names", names],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answer()

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Give a command of powercut.py."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the power-cut file system ended; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ENDS_WITHIN_S)
        self._process.stdout.close()
