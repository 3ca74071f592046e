"""A post of the line: central's authority, a Mosquitto with the real files in config/, devices."""

import getpass
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync.central import certify, verbs
from sync.central.house import House, open_house
from sync.central.notary import CENTRAL_NAME, LEAF_LIFE, Notary, open_notary
from sync.central.settings import load
from sync.keyfile import load_or_make
from sync.line import Broker, Tls
from sync.protocol.certificate import End
from sync.protocol.identity import PrivateKey

CONFIG = Path(__file__).parents[3] / "config"
HOSTS = ["localhost", "127.0.0.1"]

CENTRAL_TOML = """\
data = "central"
[broker]
host = "localhost"
"""


def real_conf(files: Path) -> str:
    """Return config/mosquitto.conf, its place, port, user and log changed for a test."""
    text = (CONFIG / "mosquitto.conf").read_text()
    for found, put in {
        "/etc/mosquitto/presensi/": f"{files}/",
        "listener 8883": "listener {port} 127.0.0.1",
        "user mosquitto": f"user {getpass.getuser()}",
        "log_dest syslog": "log_dest stderr",
    }.items():
        assert found in text, found
        text = text.replace(found, put)
    return text


class Device:
    """A key in a file and what belongs to it."""

    def __init__(self, home: Path, name: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.home = home
        self.key_file = home / "device.key"
        self.certificate = home / "device.crt"
        self.key = load_or_make(self.key_file)

    def tls(self, ca: Path, **more: str) -> Tls:
        """Return its files for the line."""
        return Tls(ca=str(ca), certificate=str(self.certificate), key=str(self.key_file), **more)


class Post:
    """Everything but the two ends. The broker is started by `start`."""

    def __init__(self, home: Path, make_broker: Callable[..., Any]) -> None:
        self.home = home
        self._make_broker = make_broker
        (home / "central.toml").write_text(CENTRAL_TOML)
        self.house: House = open_house(load(home / "central.toml"))
        verbs.init(self.house)
        self.ca = self.house.place.data / "ca.pem"
        self.crl = self.house.place.data / "crl.pem"
        self.files = home / "etc-mosquitto"
        certify.certify_broker(self.house, HOSTS, self.files, LEAF_LIFE)
        (self.files / "acl").write_bytes((CONFIG / "acl").read_bytes())
        self.running: Any = None

    def close(self) -> None:
        self.house.store.close()

    def start(self, changed: dict[str, str] | None = None) -> Any:
        """Start the broker; of its real settings, `changed` are replaced."""
        whole = real_conf(self.files)
        for found, put in (changed or {}).items():
            assert found in whole, found
            whole = whole.replace(found, put)
        self.running = self._make_broker("mosquitto", whole=whole)
        return self.running

    def restart(self) -> None:
        """Let the broker read its files again."""
        self.running.stop()
        self.running.start()

    def copy_crl(self) -> None:
        """Bring the list of the revoked to the broker and restart that."""
        (self.files / "crl.pem").write_bytes(self.crl.read_bytes())
        self.restart()

    def where(self, tls: Tls | None, port: int | None = None, host: str = "localhost") -> Broker:
        """Return the way to the broker."""
        return Broker(host=host, port=port or self.running.port, tls=tls, connect_timeout_s=5)

    def notary(self, days_ahead: float = 0.0) -> Notary:
        """Return the authority, as it was or will be on another day."""
        now = datetime.now(UTC) + timedelta(days=days_ahead)
        return open_notary(self.house.place.data, lambda: now)

    def kiosk(self, name: str) -> Device:
        """Admit and certify a kiosk, by the verbs."""
        device = Device(self.home / name, name)
        pem = device.home / "kiosk.pem"
        pem.write_bytes(device.key.public.pem)
        verbs.admit(self.house, name, pem, "test")
        device.certificate.write_text(certify.certify_kiosk(self.house, name, LEAF_LIFE))
        return device

    def central(self) -> Device:
        """Return central as the broker's client."""
        certify.certify_central(self.house, LEAF_LIFE)
        device = Device(self.home / "central-line", CENTRAL_NAME)
        data = self.house.place.data
        device.key_file, device.certificate = data / "line.key", data / "line.crt"
        return device

    def _foreign(self) -> Notary:
        other = self.home / "other-authority"
        other.mkdir(exist_ok=True)
        return open_notary(other, lambda: datetime.now(UTC))

    def foreign_ca(self) -> Path:
        """Return the certificate of an authority that is nobody's here."""
        self._foreign()
        return self.home / "other-authority" / "ca.pem"

    def stranger(self, name: str) -> Device:
        """Return somebody with a certificate by that authority."""
        device = Device(self.home / f"stranger-{name}", name)
        made = self._foreign().issue(device.key.public, name, End.CLIENT)
        device.certificate.write_bytes(made.pem)
        return device

    def recertify(self, device: Device, days_ahead: float, life_days: float) -> None:
        """Give a device a certificate as if issued on another day."""
        made = self.notary(days_ahead).issue(
            device.key.public, device.name, End.CLIENT, life=timedelta(days=life_days)
        )
        device.certificate.write_bytes(made.pem)

    def recertify_broker(
        self,
        days_ahead: float = 0.0,
        life_days: float = 100.0,
        end: End = End.SERVER,
        hosts: Sequence[str] = HOSTS,
    ) -> None:
        """Give the broker a certificate as if issued on another day, or for another end."""
        key = PrivateKey.from_pem((self.files / "broker.key").read_bytes())
        life = timedelta(days=life_days)
        made = self.notary(days_ahead).issue(key.public, hosts[0], end, hosts, life)
        (self.files / "broker.crt").write_bytes(made.pem)
