"""Lets `kiosk` be imported by the lab's Python, in which nobody has installed it: a version."""

import importlib.metadata

_real = importlib.metadata.version


def _version(name: str) -> str:
    return "0" if name == "presensi-kiosk" else _real(name)


importlib.metadata.version = _version
