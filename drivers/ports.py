"""Which serial ports there are, and by which names that do not change with the next plug.

Only looks: nothing is opened, nothing is written.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path("/")


def name_of(port: str, root: Path = ROOT) -> str:
    """Return the name that udev gave what is at a port: by its id, else by where it is plugged in.

    Of what udev knows nothing about, a port of the header, its own.
    """
    if "://" in port:
        return port.partition("://")[2]
    device = (root / port.lstrip("/")).resolve()
    for names in ("by-id", "by-path"):
        for link in sorted((root / "dev/serial" / names).glob("*")):
            if link.resolve() == device:
                return link.name
    return device.name
