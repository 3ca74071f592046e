"""What a set-up leaves behind: kiosk.toml, and beside the journal what central gave.

Certificates and central's keys stand in the data directory (`line/`), because the daemon renews
them and may not write /etc. The settings name them there. kiosk.toml is written last: until it is
there, nothing has been set up, and everything may be done again.
"""

import os
import pwd
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from kiosk.settings import Settings
from kiosk.setup.bootfile import SECRETS
from kiosk.setup.checks import address
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import TurnedAway
from kiosk.setup.plan import Plan
from kiosk.setup.said import Said
from kiosk.setup.tomltext import toml
from sync.journal import names
from sync.protocol.enrolment import Enrolled
from sync.protocol.identity import PrivateKey
from sync.settingsfile import SettingsError, decoded

DATA: Final = "/var/lib/presensi-kiosk"

LINE: Final = "line"
"""In the data directory: what is renewed over the line."""

CA: Final = "ca.pem"
CRL: Final = "crl.pem"
CENTRAL: Final = "central.pem"
CERTIFICATE: Final = "kiosk.crt"

_HEAD: Final = (
    "# Written by `kiosk setup`; change it with `kiosk config edit`.\n"
    "# What else may stand here is shown by config/kiosk.toml of the distribution.\n\n"
)


def settings_text(plan: Plan, enrolled: Enrolled | None, before: bytes | None, data: str) -> str:
    """Return a kiosk.toml: what was there `before`, with what is decided now.

    `enrolled` is None where that stays as it was; `data` is the data directory of a new one.
    Raises SettingsError where the outcome would not load.
    """
    made = old_settings(before)
    made.setdefault("data", data)
    if enrolled is not None:
        line = f"{made['data']}/{LINE}"
        files = {"ca": CA, "certificate": CERTIFICATE} | ({"crl": CRL} if enrolled.crl else {})
        made["kiosk"] = enrolled.kiosk
        made["central"] = [f"{line}/{CENTRAL}"]
        made["line"] = {
            **made.get("line", {}),
            "host": enrolled.broker.host,
            "port": enrolled.broker.port,
            "tls": {name: f"{line}/{file}" for name, file in files.items()},
        }
    if plan.central:
        made["central_web"] = address(plan.central)
    if plan.mirror:
        made["mirror"] = plan.mirror
    if plan.screen is not None:
        made["screen"] = {**made.get("screen", {}), **sparse(plan.screen)}
    if plan.push is not None:
        made["push"] = sparse(plan.push)
    if plan.sources:
        made["sources"] = _sources(plan, made.get("sources", []))
    text = _HEAD + toml(made)
    decoded(text.encode(), Settings, "kiosk.toml", "config/kiosk.toml")
    return text


def _sources(plan: Plan, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sources of the plan; one that says no key keeps the one that it had."""
    old = {(one.get("kind"), one.get("name")): one for one in before}
    made = []
    for one in map(sparse, plan.sources):
        had = old.get((one["kind"], one["name"]), {})
        made.append({name: had[name] for name in SECRETS & had.keys()} | one)
    return made


def check_goes_on(home: Path, before: bytes | None, enrolled: Enrolled) -> None:
    """Raises TurnedAway: central's name is not the one that the journal here has.

    With that in the settings no daemon would start. Raises SettingsError, OSError.
    """
    had = old_settings(before).get("kiosk", enrolled.kiosk)
    if had != enrolled.kiosk and names.files(home / "journal"):
        raise TurnedAway(
            Said(
                f"Pusat menamai alat ini {enrolled.kiosk}, tetapi jurnal di sini milik {had}. "
                f"Minta kode untuk {had}; atau akhiri {had} dulu (kiosk retire), lalu siapkan lagi",
                f"Central calls this device {enrolled.kiosk}, and the journal here is {had}'s. "
                f"Have a code made for {had}; or end {had} first (kiosk retire), then set up again",
            )
        )


def device_key(disk: Disk, data: Path) -> PrivateKey:
    """Return the device key, on disk before it is used. Raises OSError, Malformed."""
    path = data / "device.key"
    content = disk.read(path)
    if content is None:
        content = PrivateKey.generate().pem
        disk.replace(path, content, 0o600)
    return PrivateKey.from_pem(content)


def owner_of(data: Path) -> tuple[int, int] | None:
    """Return to whom root gives what it makes: the data directory's owner, or the daemon's user."""
    if os.geteuid():
        return None
    try:
        found = data.stat()
        return found.st_uid, found.st_gid
    except OSError:
        pass
    try:
        user = pwd.getpwnam("presensi")
    except KeyError:
        return None
    return user.pw_uid, user.pw_gid


def keep_papers(disk: Disk, data: Path, enrolled: Enrolled) -> None:
    """Keep what central gave; the certificate last. Raises OSError."""
    for name, text in (
        (CA, enrolled.ca),
        (CRL, enrolled.crl),
        (CENTRAL, enrolled.central),
        (CERTIFICATE, enrolled.certificate),
    ):
        if text:  # there may be no list of the revoked yet
            disk.replace(data / LINE / name, text.encode())


def old_settings(before: bytes | None) -> dict[str, Any]:
    """Return what a kiosk.toml says, as plain values; nothing without one. Raises SettingsError."""
    if before is None:
        return {}
    try:
        return tomllib.loads(before.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"the kiosk.toml that is there is not TOML: {error}; repair it with `kiosk config "
            "edit`, or move it away"
        ) from error


def sparse(one: Struct) -> dict[str, Any]:
    """Return a struct's fields that are not their defaults, and its kind."""
    config = one.__struct_config__
    kind = {config.tag_field: config.tag} if config.tag_field else {}
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(one):
        value = getattr(one, field.name)
        if isinstance(value, Struct):
            below = sparse(value)
            given |= {field.encode_name: below} if below else {}
        elif field.required or value != field.default:
            given[field.encode_name] = msgspec.to_builtins(value)
    return {**kind, **given}


def write(disk: Disk, config: Path, text: str) -> None:
    """Put a kiosk.toml in its place; the one before is kept beside it. Raises OSError."""
    before = disk.read(config)
    if before == text.encode():
        return
    if before is not None:
        disk.replace(config.with_name(f"{config.name}.before"), before)
    disk.replace(config, text.encode())


def data_of(config: Path, before: Mapping[str, Any], data: str) -> Path:
    """Return the data directory that `before` or, without it, `data` means."""
    return (config.parent / str(before.get("data", data))).absolute()
