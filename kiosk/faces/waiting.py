"""Erasures that are open somewhere, in words: for status, which names nobody, and for who may know.

Status goes into logs and bundles. Who it is, only whoever asks for it at the kiosk is told.
"""

from collections.abc import Iterable

from kiosk.faces.vaultwords import Erasure


def unnamed(erasures: Iterable[Erasure]) -> list[str]:
    """Return what is open by certificate and source."""
    return [f"certificate {one.id} at {name}" for one in erasures for name in _places(one)]


def named(erasures: Iterable[Erasure]) -> list[str]:
    """Return what is open: who, where, why, and the certificate."""
    return [
        f"{one.person} at {name}: {said} (certificate {one.id})"
        for one in erasures
        for name, said in _places(one).items()
    ]


def why(one: Erasure) -> dict[str, str]:
    """Return by source why its terminal may still know the person."""
    return {name: one.why.get(name, "not tried yet") for name in one.open}


def _places(one: Erasure) -> dict[str, str]:
    return why(one) or {"the vault": "it is not certified yet"}
