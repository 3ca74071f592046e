"""What a technician decides when a kiosk is set up, checked as a whole: every mistake at once.

A plan is what stands in `presensi-kiosk.toml` on the boot partition and what the console asks for.
What central decides (certificates, the broker) is no part of it.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from drivers.options import PushListener, SourceOptions
from kiosk.settings import Screen
from kiosk.settings import check as check_sources
from kiosk.setup import checks
from kiosk.setup.said import Mistake, Said
from sync.protocol.claim import ClaimCode
from sync.protocol.errors import Malformed


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a technician decides.

    Attributes:
        central: central's address, `http(s)://HOST[:PORT]`; "" leaves it as it is.
        code: the claim code; "" to be approved at central, or where nothing is to be enrolled.
        kiosk: the id that is wished for; "" for the one that central gives.
        timezone: of every source that names none.
        mirror: directory on a second medium; "" for none.
        screen: the employee's screen, as in kiosk.toml.
        push: where push terminals call, as in kiosk.toml.
        sources: the terminals, as in kiosk.toml; none leaves them as they are.
    """

    central: str = ""
    code: str = ""
    kiosk: str = ""
    timezone: str = checks.ZONES[0]
    mirror: str = ""
    screen: Screen | None = None
    push: PushListener | None = None
    sources: list[SourceOptions] = []


def code(text: str) -> Said | None:
    """Check a claim code: a slip of the finger is noticed before anything is sent."""
    try:
        if text:
            ClaimCode.read(text)
    except Malformed as error:
        return Said(
            "Kode klaim salah ketik: periksa lagi huruf demi huruf; bentuknya "
            "XXXX-XXXX-XXXX-XXXX, tanpa huruf U",
            f"{str(error)[:1].upper()}{str(error)[1:]}; it looks like XXXX-XXXX-XXXX-XXXX",
        )
    return None


_CHECKS: Final[Mapping[str, Callable[[str], Said | None]]] = {
    "central": checks.central,
    "code": code,
    "kiosk": checks.kiosk,
    "timezone": checks.zone,
    "mirror": checks.mirror,
}

_KINDS: Final = {one.__struct_config__.tag: one for one in (
    member for union in get_args(SourceOptions) for member in (get_args(union) or (union,))
)}  # fmt: skip


def kinds() -> list[str]:
    """Return the kinds of terminals that there are."""
    return [str(one) for one in _KINDS]


def field(kind: str, name: str, text: str) -> tuple[Any, Said | None]:
    """Return what was typed for one field of a source, as its type, and what is wrong with it."""
    [found] = [one for one in msgspec.structs.fields(_KINDS[kind]) if one.encode_name == name]
    try:
        value = msgspec.convert(text, found.type, strict=False)
    except ValueError as error:
        return None, _theirs(str(error))
    return value, None


def planned(raw: Mapping[str, Any]) -> tuple[Plan | None, list[Mistake]]:
    """Return the plan that `raw` (TOML's plain values) says, or all that is wrong with it."""
    found: list[Mistake] = list(_unknown("", raw, Plan))
    for name, check in _CHECKS.items():
        value = raw.get(name, "")
        if not isinstance(value, str):
            found.append(_shapeless(name, value, "teks dalam tanda kutip", "text in quotes"))
        elif name in raw and (said := check(value)):
            found.append(Mistake(name, said))
    for name, form in (("screen", Screen), ("push", PushListener)):
        if name in raw:
            found += _of_struct(name, raw[name], form)
    zone = raw.get("timezone", Plan().timezone)
    if any(one.where == "timezone" for one in found):
        zone = Plan().timezone  # said once is enough: each source has it from there
    sources = raw.get("sources", [])
    if not isinstance(sources, list):
        found.append(_shapeless("sources", sources, "bagian [[sources]]", "[[sources]] sections"))
        sources = []
    placed = [_with_zone(one, zone) for one in sources]
    for number, one in enumerate(placed):
        found += _of_source(f"sources[{number}]", one)
    if found:
        return None, found
    try:
        plan = msgspec.convert({**raw, "sources": placed}, Plan)
        check_sources(plan.sources)
    except ValueError as error:  # a rule about several together
        return None, [Mistake("sources", _theirs(str(error)))]
    return plan, []


def _with_zone(one: Any, zone: Any) -> Any:
    return {"timezone": zone, **one} if isinstance(one, dict) else one


def _of_source(where: str, raw: Any) -> Iterator[Mistake]:
    if not isinstance(raw, dict):
        yield _shapeless(where, raw, "bagian [[sources]]", "a [[sources]] section")
        return
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        kinds = ", ".join(map(str, _KINDS))
        yield Mistake(
            f"{where}.kind",
            Said(
                f"Jenis perangkat {kind!r} tidak dikenal; yang ada: {kinds}",
                f"There is no kind {kind!r}; there are {kinds}",
            ),
        )
        return
    zone = raw.get("timezone")
    if isinstance(zone, str) and (said := checks.zone(zone)):
        yield Mistake(f"{where}.timezone", said)
        raw = {name: value for name, value in raw.items() if name != "timezone"}
    yield from _of_struct(where, raw, _KINDS[kind])


def _of_struct(where: str, raw: Any, form: type[Struct]) -> Iterator[Mistake]:
    """Yield what is wrong with a section, field by field; a rule about several fields last."""
    if not isinstance(raw, dict):
        yield _shapeless(where, raw, f"bagian [{where}]", f"a [{where}] section")
        return
    count = 0
    for mistake in _unknown(where, raw, form):
        count += 1
        yield mistake
    for field in msgspec.structs.fields(form):
        place = f"{where}.{field.encode_name}"
        if field.encode_name not in raw:
            if field.required:
                count += 1
                yield Mistake(place, Said("Belum diisi; isilah", "It is missing; fill it in"))
            continue
        try:
            msgspec.convert(raw[field.encode_name], field.type)
        except ValueError as error:
            count += 1
            yield Mistake(place, _theirs(str(error)))
    if not count:
        try:
            msgspec.convert(raw, form)
        except ValueError as error:
            yield Mistake(where, _theirs(str(error)))


def _unknown(where: str, raw: Mapping[str, Any], form: type[Struct]) -> Iterator[Mistake]:
    known = {field.encode_name for field in msgspec.structs.fields(form)}
    known |= {str(form.__struct_config__.tag_field)} - {"None"}
    for name in raw.keys() - known:
        meant = get_close_matches(name, known, 1)
        yield Mistake(
            f"{where}.{name}" if where else name,
            Said(
                f"Pengaturan ini tidak dikenal{f'; maksudnya {meant[0]}?' if meant else ''}",
                f"There is no such setting{f'; is {meant[0]} meant?' if meant else ''}",
            ),
        )


def _shapeless(where: str, value: Any, wanted: str, english: str) -> Mistake:
    kind = type(value).__name__
    return Mistake(
        where,
        Said(f"Harus berupa {wanted}, bukan {kind}", f"It must be {english}, not {kind}"),
    )


def _theirs(error: str) -> Said:
    """Return the words of the settings' own rules; they say in English what to do."""
    what = error.partition(" - at `")[0]
    return Said(
        f"Nilainya tidak bisa dipakai; perbaiki (contoh: config/kiosk.toml): {what}",
        f"The value cannot be used (config/kiosk.toml shows one): {what}",
    )
