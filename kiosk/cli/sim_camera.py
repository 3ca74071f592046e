"""`kiosk sim camera`: a network camera before which somebody comes, for trying a kiosk without one.

Whoever is shown does what the kiosk's screen says: the prompts come through the daemon's socket.
"""

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from drivers.options import CAMERA_NEEDS
from drivers.prompt import Prompt
from kiosk.cli.exits import Exit, Refused
from kiosk.local import Alive, Happening, NoDaemon, ask
from kiosk.prompts import Prompted

if TYPE_CHECKING:
    from drivers.sim.camera import Head, Side

AGAIN_S: Final = 0.5
"""How long to wait for a daemon that is not there."""


def configure(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the options."""
    camera = kinds.add_parser(
        "camera",
        help="a network camera before which somebody comes",
        description="A network camera (MJPEG over HTTP) that shows an empty room and, one after "
        "the other, the people of photographs; their heads turn when the kiosk asks them to.",
    )
    camera.add_argument("--port", type=int, default=8554, help="port (%(default)s)")
    camera.add_argument(
        "--picture", action="append", default=[], metavar="FILE", help="a photograph; repeatable"
    )
    camera.add_argument(
        "--head", action="append", default=[], metavar="X,Y,EYES",
        help="pixels: the middle between its eyes, and their distance; one for each picture",
    )  # fmt: skip
    camera.add_argument(
        "--obey", type=Path, metavar="SOCKET", help="the daemon whose prompts are obeyed"
    )


def serve(
    arguments: argparse.Namespace, wait: Callable[[], object], say: Callable[[str], None]
) -> int:
    """Serve until `wait` returns."""
    try:
        from drivers.sim.camera import Scene, SimulatedCamera, load
    except ImportError as error:
        raise Refused(f"{error}; {CAMERA_NEEDS.format('camera')}", Exit.UNAVAILABLE) from None
    if len(arguments.head) != len(arguments.picture):
        raise Refused("give one --head for each --picture", Exit.USAGE)
    try:
        people = [
            (load(file), _head(text))
            for file, text in zip(arguments.picture, arguments.head, strict=True)
        ]
        camera = SimulatedCamera(Scene(people), arguments.port)
    except OSError as error:
        raise Refused(str(error), Exit.UNAVAILABLE) from None
    with camera:
        say(f'in kiosk.toml: sources = [{{ kind = "camera", name = "sim", '
            f'capture = "http://127.0.0.1:{camera.port}/" }}]')  # fmt: skip
        if arguments.obey is not None:
            threading.Thread(
                target=obey, args=(arguments.obey, camera.scene.tell), daemon=True
            ).start()
        wait()
    return Exit.OK


def _head(text: str) -> "Head":
    from drivers.sim.camera import Head

    try:
        x, y, eyes = map(float, text.split(","))
    except ValueError:
        raise Refused(f"--head {text}: three numbers, X,Y,EYES", Exit.USAGE) from None
    return Head(x, y, eyes)


def obey(socket: Path, tell: "Callable[[Side, float], object]") -> None:
    """Pass on what the kiosk asks of who stands there, as sides to turn to, for ever."""
    from drivers.sim.camera import Side

    sides = {Prompt.TURN_LEFT: Side.LEFT, Prompt.TURN_RIGHT: Side.RIGHT}
    while True:
        try:
            for line in ask(socket, "watch"):
                event = msgspec.json.decode(line, type=Happening | Alive)
                if isinstance(event, Prompted):
                    tell(sides.get(event.what, Side.STRAIGHT), time.monotonic())
        except NoDaemon:
            time.sleep(AGAIN_S)
