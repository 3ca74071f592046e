"""The real program over HTTP: its addresses, what it refuses, what the daemon never loads."""

import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from screen_stage import Stage, free_port, recorded, source, status

from kiosk.cli.exits import Exit
from kiosk.mine import Mine

pytestmark = pytest.mark.slow

WITHIN_S = 10.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("screen")) as one:
        yield one


@pytest.fixture
def client(stage: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stage.address, timeout=WITHIN_S, trust_env=False) as one:
        yield one


def frames(response: httpx.Response) -> Iterator[dict]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield msgspec.json.decode(line.removeprefix("data: "))


def test_the_page_asks_for_nothing_outside_and_says_so(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "://" not in page.text.replace('"http://www.w3.org/2000/svg"', "")
    for path in ("static/screen.js", "static/screen.css", "static/icon.svg"):
        assert f"/{path}" in page.text
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5"])
def test_another_name_that_leads_here_opens_nothing(client: httpx.Client, host: str) -> None:
    for path in ("/", "/events", "/static/screen.js"):
        assert client.get(path, headers={"Host": host}).status_code == 400


def test_frames_come_as_they_happen(stage: Stage, client: httpx.Client) -> None:
    with client.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told = frames(response)
        assert next(told)["frame"] == "hello"
        assert next(told)["frame"] == "now"
        stage.tell(recorded(name="Siti"))
        result = next(one for one in told if one["frame"] == "result")
        assert result["cards"]["en"]["head"] == "In"


def test_nobody_gets_anothers_presences_by_asking(stage: Stage, client: httpx.Client) -> None:
    stage.owns(Mine("siti", "Siti", []))
    stage.owns(Mine("agus", "Agus", []))
    with client.stream("GET", "/events") as response:
        told = frames(response)
        token = next(told)["token"]
        for body in (b"", b"siti", b"x" * 100_000, b'{"person":"agus"}', b"\xff\xfe"):
            assert client.post("/mine", content=body).status_code == 409
        assert client.post("/mine?person=agus", content=token).status_code == 202
        assert client.get("/mine").status_code == 405
        stage.tell(recorded(person="siti"))
        sheets = [one["sheets"]["id"]["title"] for one in islice(_mine(told), 2)]
        assert sheets == ["Pindai sekarang", "Siti"]


def _mine(told: Iterator[dict]) -> Iterator[dict]:
    return (one for one in told if one["frame"] == "mine")


def test_details_of_what_is_down_stay_inside(stage: Stage, client: httpx.Client) -> None:
    stage.status = status(sources=[source("lobi", "unreachable: 192.168.1.201:4370")])
    try:
        with client.stream("GET", "/events") as response:
            for one in frames(response):
                if one["frame"] == "now" and one["idle"]["id"]["notices"]:
                    assert "192.168" not in repr(one)
                    return
    finally:
        stage.status = status()


def test_an_occupied_port_is_refused_in_a_line(stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text((stage.directory / "kiosk.toml").read_text())
    done = subprocess.run(
        [Path(sys.executable).with_name("kiosk"), "screen", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 4
    assert "Address already in use; end what listens there, or choose another" in done.stderr
    assert "Traceback" not in done.stderr


def by_https(stage: Stage, directory: Path) -> tuple[list[str | Path], int]:
    """Return how to start a screen whose technician's page has a certificate, and on which port."""
    config, page = directory / "kiosk.toml", free_port()
    text = (stage.directory / "kiosk.toml").read_text()
    text = text.replace(f"port = {urlsplit(stage.address).port}\n", f"port = {free_port()}\n")
    files = 'certificate = "page.crt"\nkey = "page.key"\n'
    config.write_text(text.replace("port = 0\n", f"port = {page}\n{files}"))
    return [Path(sys.executable).with_name("kiosk"), "screen", "--config", config], page


def test_a_certificate_that_cannot_be_read_is_named(stage: Stage, tmp_path: Path) -> None:
    command, _ = by_https(stage, tmp_path)
    for content in (None, "no PEM at all"):
        if content is not None:
            (tmp_path / "page.crt").write_text(content)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == Exit.SETTINGS
        assert f"{tmp_path / 'page.crt'} and {tmp_path / 'page.key'}: " in done.stderr
        assert done.stdout == "", "it was not served"
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_technicians_page_by_https(stage: Stage, tmp_path: Path) -> None:
    command, port = by_https(stage, tmp_path)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=kiosk"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", tmp_path / "page.key", "-out", tmp_path / "page.crt"),
        ],
        check=True,
        capture_output=True,
    )
    screen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert screen.stdout is not None
    try:
        screen.stdout.readline()
        assert screen.stdout.readline() == f"technicians: https://127.0.0.1:{port}/\n"
        trusted = ssl.create_default_context(cafile=tmp_path / "page.crt")
        answer = httpx.get(f"https://127.0.0.1:{port}/login", verify=trusted, trust_env=False)
        assert (answer.status_code, "Kata sandi" in answer.text) == (200, True)
    finally:
        screen.terminate()
        screen.stdout.close()
        assert screen.wait(10) == 0


def test_the_daemon_loads_nothing_of_it() -> None:
    program = (
        "import sys, kiosk.app, kiosk.cli.run, kiosk.cli.status\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('starlette', 'uvicorn', 'jinja2')"
        " or m.startswith('kiosk.screen')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"
