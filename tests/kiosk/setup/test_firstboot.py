"""The file on the boot partition: read once, answered, wiped; power may fail anywhere."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cutdisk import Cut, CutDisk
from setup_parts import Central, has_what_its_settings_name

from kiosk.settings import load
from kiosk.setup import bootfile
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import Post
from kiosk.setup.firstboot import PROGRESS, FirstBoot
from kiosk.setup.plan import planned
from kiosk.setup.road import by_code
from kiosk.setup.written import device_key
from sync.edge.post import Reply, Unreachable
from sync.journal.epochs import Epochs
from sync.keyfile import load_public
from sync.protocol.certificate import Certificate
from sync.protocol.claim import ClaimCode

COMM_KEY = "7351904"
FILE = """# kantor kami
central = "http://central.example:8080"
code = "{code}"
timezone = "Asia/Makassar"

[screen]
office = "Dinas Kesehatan"

[[sources]]
kind = "zkteco"
name = "lobi"
host = "192.168.1.201"
comm_key = 7351904
"""


class Card:
    """A card's boot partition, and the kiosk that it is in."""

    def __init__(self, home: Path, said: str | bytes, name: str = bootfile.NAME) -> None:
        self.boot = home / "boot"
        self.etc = home / "etc"
        self.config = self.etc / "kiosk.toml"
        self.data = home / "var"
        for one in (self.boot, self.etc, self.data):
            one.mkdir()
        self.put(said, name)

    def put(self, said: str | bytes, name: str = bootfile.NAME) -> None:
        content = said if isinstance(said, bytes) else said.encode()
        (self.boot / name).write_bytes(content)

    @property
    def roots(self) -> list[Path]:
        return [self.boot, self.etc, self.data]

    @property
    def result(self) -> str:
        return (self.boot / bootfile.RESULT).read_text("utf-8-sig")

    def start(
        self, central: Central, disk: Disk | None = None, post: Post | None = None
    ) -> tuple[bool, list[float]]:
        disk = disk or Disk()
        waited: list[float] = []

        def wait(seconds: float) -> bool:
            waited.append(seconds)
            return True

        enrol = by_code(disk, post or central.post)
        boot = FirstBoot(
            disk, self.boot, self.config, str(self.data), enrol, wait, lambda: sum(waited)
        )
        return boot.run(), waited

    def holds(self, secret: str) -> bool:
        return any(
            secret.encode() in path.read_bytes() for path in self.boot.iterdir() if path.is_file()
        )


def is_ready(card: Card, central: Central) -> None:
    """The kiosk is set up, and nothing that is secret is left on the boot partition."""
    place = load(card.config)
    assert place.settings.kiosk == "kiosk-lobi"
    assert place.settings.line.host == "mqtt.example"
    assert place.settings.sources[0].comm_key == int(COMM_KEY)  # type: ignore[union-attr]
    assert place.settings.sources[0].timezone == "Asia/Makassar"
    assert place.settings.central_web == "http://central.example:8080"
    tls = place.line.tls
    assert tls is not None
    key = device_key(Disk(), card.data)
    assert {key.public.fingerprint} == central.devices
    assert Certificate.from_pem(Path(tls.certificate).read_bytes()).key.der == key.public.der
    assert Path(tls.ca).read_bytes()
    assert Path(tls.crl).read_bytes()
    load_public(Path(place.settings.central[0]))
    assert sorted(one.name for one in card.boot.iterdir()) == [bootfile.DONE, bootfile.RESULT]
    assert "SIAP" in card.result
    assert "READY" in card.result
    assert "kiosk-lobi" in card.result
    assert not card.holds(central.code.text)
    assert not card.holds(COMM_KEY)
    assert not (card.data / PROGRESS).exists()


def test_file_becomes_a_kiosk(tmp_path: Path) -> None:
    central = Central()
    card = Card(tmp_path, FILE.format(code=central.code.text))
    assert card.start(central) == (True, [])
    is_ready(card, central)
    left = (card.boot / bootfile.DONE).read_text()
    assert 'office = "Dinas Kesehatan"' in left
    assert "# kantor kami" in left
    assert (card.data / "device.key").stat().st_mode & 0o777 == 0o600
    assert card.config.stat().st_mode & 0o007 == 0


def test_file_is_not_read_twice(tmp_path: Path) -> None:
    central = Central()
    card = Card(tmp_path, FILE.format(code=central.code.text))
    card.start(central)
    calls = len(central.calls)
    assert card.start(central) == (True, [])
    assert len(central.calls) == calls


def restart_after_cuts(
    card: Card, central: Central, cuts: list[int], *, loses: bool
) -> tuple[bool, int]:
    """Start with the power failing at those steps, then once more; return whether any failed."""
    failed = False
    steps = 0
    for at in cuts:
        disk = CutDisk(card.roots, at)
        try:
            card.start(central, disk)
        except Cut:
            failed = True
            if loses:
                disk.lose()
            has_what_its_settings_name(card.config)
        steps = disk.steps
    card.start(central)
    return failed, steps


@pytest.mark.parametrize("loses", [False, True], ids=["all-written", "only-synced"])
def test_power_fails_at_any_step(tmp_path: Path, loses: bool, quick_code: Central) -> None:
    at = 0
    while True:
        at += 1
        home = tmp_path / str(at)
        home.mkdir()
        central = quick_code
        central.devices.clear()
        card = Card(home, FILE.format(code=central.code.text))
        failed, steps = restart_after_cuts(card, central, [at], loses=loses)
        is_ready(card, central)
        if not failed:
            break
        shutil.rmtree(home)
    assert at > 40, "so many steps there are at least: else nothing was cut"
    assert steps == at - 1


def test_power_fails_twice(tmp_path: Path, quick_code: Central) -> None:
    chance = random.Random(11)
    for number in range(60):
        home = tmp_path / str(number)
        home.mkdir()
        quick_code.devices.clear()
        card = Card(home, FILE.format(code=quick_code.code.text))
        cuts = [chance.randrange(1, 60), chance.randrange(1, 60)]
        restart_after_cuts(card, quick_code, cuts, loses=number % 2 == 0)
        is_ready(card, quick_code)


@pytest.fixture
def quick_code(monkeypatch: pytest.MonkeyPatch) -> Central:
    """Central with a code whose key is derived once: scrypt takes its time, on purpose."""
    central = Central()
    known = central.code.key()
    monkeypatch.setattr(ClaimCode, "key", lambda _: known)
    return central


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    card = Card(
        tmp_path,
        """
central = "http://a b"
code = "7K3P-M2XQ-84VD-RT0A"
timezone = "Asia/Jakrta"
kiosk = "kiosk lobi"
offices = 3
[[sources]]
kind = "zkteko"
[[sources]]
kind = "zkteco"
name = "lobi"
port = "4370"
hots = "10.0.0.1"
""",
    )
    done, _ = card.start(Central())
    assert not done
    for place in (
        "central", "code", "timezone", "kiosk", "offices", "sources[0].kind", "sources[1].host",
        "sources[1].port", "sources[1].hots",
    ):  # fmt: skip
        assert f" {place}: " in card.result, place
    assert "sources[1].timezone" not in card.result
    assert "is host meant?" in card.result
    assert "BELUM DISIAPKAN" in card.result
    assert not card.config.exists()
    assert (card.boot / bootfile.NAME).exists()


def test_mistake_put_right_is_read_at_the_next_start(tmp_path: Path) -> None:
    central = Central()
    card = Card(tmp_path, FILE.format(code="7K3P-M2XQ-84VD-RT0A"))
    assert card.start(central)[0] is False
    card.put(FILE.format(code=central.code.text))
    assert card.start(central)[0] is True
    is_ready(card, central)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        (lambda said: said.replace("\n", "\r\n").encode("utf-8-sig"), "presensi-kiosk.toml.txt"),
        (lambda said: said.encode("utf-16"), "PRESENSI-KIOSK.TOML"),
        (lambda said: said.replace("\n", "\r").encode(), "Presensi-Kiosk.toml"),
    ],
    ids=["notepad", "unicode", "old-mac"],
)
def test_any_editor(tmp_path: Path, form: Callable[[str], bytes], name: str) -> None:
    central = Central()
    card = Card(tmp_path, form(FILE.format(code=central.code.text)), name)
    assert card.start(central)[0] is True
    is_ready(card, central)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("central = “http://a”\n".encode(), "Baris 1 memakai tanda kutip miring"),
        ("office = 'Kesehatan\xe9'\n".encode("latin-1"), "simpan berkas ini sebagai UTF-8"),
        (b"central = http://a\n", "baris 1"),
        (b"\0\1\2", "bukan teks"),
        (b"#" * 70_000, "64 KB"),
    ],
    ids=["curly", "latin", "no-quotes", "binary", "long"],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, said: bytes, told: str) -> None:
    card = Card(tmp_path, said)
    assert card.start(Central())[0] is False
    assert told in card.result


def test_network_comes_late(tmp_path: Path, quick_code: Central) -> None:
    central = quick_code
    card = Card(tmp_path, FILE.format(code=central.code.text))
    tries = []

    def post(url: str, body: bytes, most: int) -> Reply:
        tries.append(url)
        if len(tries) < 30:
            assert "menghubungi pusat" in card.result
            raise Unreachable("network is unreachable")
        return central.post(url, body, most)

    done, waited = card.start(central, post=post)
    assert done
    assert sum(waited) == 290
    is_ready(card, central)


def test_network_that_never_comes_leaves_everything(tmp_path: Path, quick_code: Central) -> None:
    central = quick_code
    said = FILE.format(code=central.code.text)
    card = Card(tmp_path, said)

    def post(url: str, body: bytes, most: int) -> Reply:
        raise Unreachable("network is unreachable")

    done, waited = card.start(central, post=post)
    assert not done
    assert 900 <= sum(waited) < 960
    assert "tidak bisa dihubungi" in card.result
    assert (card.boot / bootfile.NAME).read_text() == said
    assert not card.config.exists()
    assert card.start(central)[0] is True
    is_ready(card, central)


def test_used_code_says_what_to_do(tmp_path: Path) -> None:
    central = Central()
    central.devices.add("another")
    card = Card(tmp_path, FILE.format(code=central.code.text))
    done, waited = card.start(central)
    assert (done, waited) == (False, [])
    assert "presensi-central kiosks claim" in card.result
    assert "used by another device" in card.result


def test_false_central_is_not_believed(tmp_path: Path) -> None:
    central, false = Central(), Central()
    card = Card(tmp_path, FILE.format(code=central.code.text))

    def post(url: str, body: bytes, most: int) -> Reply:
        false.code = ClaimCode("0" * 16)
        answer = central.post(url, body, most).body
        return Reply(200, answer[:-64] + b"0" * 64)

    done, _ = card.start(central, post=post)
    assert not done
    assert "bukan dari pusat yang memberi kode" in card.result
    assert not card.config.exists()


def test_a_kiosk_that_runs_gets_new_settings_and_keeps_its_keys(tmp_path: Path) -> None:
    central = Central()
    card = Card(tmp_path, FILE.format(code=central.code.text))
    card.start(central)
    before = card.config.read_text()
    card.put('[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "192.168.1.9"\n')
    calls = len(central.calls)
    assert card.start(central)[0] is True
    assert len(central.calls) == calls
    source = load(card.config).settings.sources[0]
    assert source.host == "192.168.1.9"  # type: ignore[union-attr]
    assert source.comm_key == int(COMM_KEY)  # type: ignore[union-attr]
    assert load(card.config).settings.kiosk == "kiosk-lobi"
    assert (card.etc / "kiosk.toml.before").read_text() == before


def test_a_journal_is_not_given_another_kiosk_s_name(tmp_path: Path) -> None:
    card = Card(tmp_path, FILE.format(code=(central := Central()).code.text))
    card.start(central)
    epochs = Epochs(card.data / "journal", "kiosk-lobi", b"key")
    epochs.open()
    epochs.close()
    before = card.config.read_bytes()
    another = Central(kiosk="kiosk-aula")
    card.put(FILE.format(code=another.code.text))
    assert card.start(another)[0] is False
    assert "the journal here is kiosk-lobi's" in card.result
    assert card.config.read_bytes() == before
    certificate = card.data / "line" / "kiosk.crt"
    assert Certificate.from_pem(certificate.read_bytes()).name == "kiosk-lobi"
    card.put(FILE.format(code=central.code.text))
    assert card.start(central)[0] is True
    shutil.rmtree(card.data / "journal")
    card.put(FILE.format(code=another.code.text))
    assert card.start(another)[0] is True, "with no journal it may become another"


def test_new_file_made_of_the_wiped_one_is_a_new_file(tmp_path: Path) -> None:
    """The power failed between the renaming and the end; then somebody edits what was left."""
    central = Central()
    card = Card(tmp_path, FILE.format(code=central.code.text))
    at = 1
    while not (card.boot / bootfile.DONE).exists():
        try:
            card.start(central, CutDisk(card.roots, at))
        except Cut:
            at += 1
    while not (card.data / PROGRESS).exists():
        pytest.fail("the power did not fail before the end")
    left = (card.boot / bootfile.DONE).read_text()
    card.put(left.replace("192.168.1.201", "192.168.1.7"))
    assert card.start(central)[0] is True
    assert load(card.config).settings.sources[0].host == "192.168.1.7"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "said",
    [
        'code = """\n{code}"""\n',
        "[[sources]]\nkind='x'\nname='{code}'\n# {code}\ncode = '{code}'",
        "a = {{code = '{code}', comm_key = 7351904}}\n",
        "# comm_key = 7351904\n",
        'capture = "rtsp://u:{code}@10.0.0.1/"\n',
        '"code" = "{code}"\n',
        "x.code = '{code}'\nx.comm_key = 7351904\n",
    ],
)
def test_secrets_are_wiped_wherever_they_stand(said: str) -> None:
    code = ClaimCode.draw().text
    left = bootfile.cleaned(bootfile.understood(said.format(code=code).encode()))
    assert left.startswith(bootfile.HEAD)
    assert code.encode() not in left
    assert COMM_KEY.encode() not in left


def test_sample_is_understood_but_for_its_code() -> None:
    sample = Path(__file__).parents[3] / "config" / "presensi-kiosk.toml"
    text = bootfile.understood(sample.read_bytes())
    plan, mistakes = planned(text.raw)
    assert mistakes == []
    assert plan is not None
    assert not plan.code
