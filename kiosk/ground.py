"""On what ground anybody's face or finger is kept: the notice they were shown, the legal basis.

UU 27/2022 wants both before anything is taken (docs/PRIVACY.md). Pure.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from kiosk.local import CannotDo

TEXT_MOST: Final = 200
"""Longest text that is recorded of what a technician says, characters."""


class Basis(StrEnum):
    """On what legal basis it may be kept: UU 27/2022, Pasal 20 (2), a to f."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal-obligation"
    VITAL_INTEREST = "vital-interest"
    PUBLIC_TASK = "public-task"
    LEGITIMATE_INTEREST = "legitimate-interest"


def ground_of(said: Mapping[str, str]) -> dict[str, str]:
    """Return notice, basis and reference, as they are recorded.

    Raises CannotDo where one is missing.
    """
    notice, reference = said.get("notice", "").strip(), said.get("reference", "").strip()
    words = ", ".join(Basis)
    if not notice:
        raise CannotDo(
            "which notice was the person shown? Say its version, --notice V: UU 27/2022 wants "
            "them told what is kept, why and for how long (docs/PRIVACY.md)"
        )
    try:
        basis = Basis(said.get("basis", ""))
    except ValueError:
        raise CannotDo(
            f"on which legal basis? Say --basis, one of: {words} (UU 27/2022, Pasal 20)"
        ) from None
    if basis is Basis.CONSENT and not reference:
        raise CannotDo(
            "a consent that nobody can show is none: say --reference, where the signed one is "
            "kept. An office that must record attendance by law says legal-obligation or "
            "public-task instead"
        )
    for text in (notice, reference):
        if len(text) > TEXT_MOST or not text.isprintable():
            raise CannotDo(f"a text that is recorded has at most {TEXT_MOST} printable letters")
    return {"notice": notice, "basis": basis.value} | (
        {"reference": reference} if reference else {}
    )
