"""Pictures of what a technician sees on the console: the real commands, at a pty, against a real
central; a simulated terminal stands for the office's.
"""

import html
import io
import os
import pty
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from provision import free_ports
from rich.console import Console
from rich.text import Text
from screen_browser import chromium
from stand.provision import CONFIG, Centre, has_receipts, program, status, until

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff

PICTURES = Path(__file__).parent / "pictures"

WIDTH = 100
"""Columns of the console."""

SIZES = {"console": (900, 200)}

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #e9edec; padding: 18px; width: max-content; }}
figure {{ margin: 0; border-radius: 10px; overflow: hidden; background: #10191b; color: #dfe9e7;
  box-shadow: 0 6px 24px #0004; }}
figcaption {{ background: #22302f; color: #b9c9c6; font: 13px sans-serif; padding: 8px 14px; }}
pre {{ margin: 0; padding: 14px 16px 18px; font: 13.5px/1.42 "DejaVu Sans Mono", monospace; }}
</style><figure><figcaption>{title}</figcaption><pre>{text}</pre></figure>"""


class Desk:
    """A technician's: central and broker run, the kiosk is not there yet."""

    def __init__(self, home: Path, centre: Centre, terminal: SimulatedTerminal) -> None:
        self.home = home
        self.centre = centre
        self.terminal = terminal
        self.config = home / "etc" / "kiosk.toml"
        self.data = home / "data"
        self._runs = False

    def run(self, *words: str, keys: Sequence[tuple[str, str]] = ()) -> str:
        """Return what a command shows at a terminal; `keys` are (wait for this, type that)."""
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        made = subprocess.Popen(
            [program(words[0]), *words[1:]],
            cwd=self.centre.home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        shown, waiting, seen = b"", list(keys), 0
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
            while waiting and waiting[0][0].encode() in shown[seen:]:
                seen = len(shown)
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        made.wait(60)
        os.close(ours)
        assert not waiting, (waiting, shown.decode())
        return shown.decode().replace("\r\n", "\n")

    def setup(self) -> str:
        """Enrol by claim code, as the wizard asks."""
        code = self.centre.claim("kiosk-dinkes-01")
        return self.run(
            "kiosk", "setup", "--config", str(self.config), "--data", str(self.data),
            keys=[
                ("Nama kantor", "Dinas Kesehatan"), ("Zona waktu", ""), ("media kedua", ""),
                ("jenisnya", "?"), ("jenisnya", ""), ("namanya", "lobi"), ("IP-nya", "127.0.0.1"),
                ("port-nya", str(self.terminal.port)), ("comm key", ""), ("lain lagi", ""),
                ("Alamat pusat", self.centre.url), ("Nama kiosk", "kiosk-dinkes-01"),
                ("Kode klaim, kosong", code[:-1] + ("0" if code[-1] != "0" else "1")),
                ("Kode klaim, kosong", code),
            ],
        )  # fmt: skip

    def begin(self) -> None:
        """Start the daemon, and wait for the first receipt."""
        if not self._runs:
            self._runs = True
            self.centre.start(program("kiosk"), "run", "--config", str(self.config))
        until("the first receipt", lambda: has_receipts(self.data, 3))
        until(
            "its roster",
            lambda: (found := status(self.data)) is not None and found.roster.version > 0,
        )

    def claim(self) -> str:
        """What central shows when a code is made."""
        words = ("--config", "central.toml", "kiosks", "claim", "kiosk-dinkes-02")
        return self.run("presensi-central", *words)

    def said(self, *words: str) -> str:
        """What a command of the running kiosk shows."""
        self.begin()
        return self.run("kiosk", *words, "--config", str(self.config))


STATES: Mapping[str, tuple[str, Callable[[Desk], str]]] = {
    "setup": ("sudo kiosk setup", Desk.setup),
    "claim": ("presensi-central kiosks claim kiosk-dinkes-02", Desk.claim),
    "status": ("kiosk status", lambda desk: desk.said("status")),
    "doctor": ("kiosk doctor", lambda desk: desk.said("doctor")),
}
"""What is typed, and how it comes to be shown; in this order."""


def make(to: Path | None, states: Sequence[str], _: Sequence[str]) -> Iterator[Path]:
    """Make the pictures and yield their paths."""
    to = to or PICTURES
    to.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        SimulatedTerminal(
            simulated_staff(12), serial="CKPG201560003", clock=in_jakarta
        ) as terminal,
        Centre(Path(directory), *free_ports(2)) as centre,
        chromium() as browser,
    ):
        centre.central("roster", "import", str(CONFIG / "roster"), "--reason", "contoh")
        for user in ("1001", "1002", "1003"):
            terminal.punch(user)
            time.sleep(1.1)  # the terminal's clock has whole seconds
        desk = Desk(Path(directory), centre, terminal)
        for state, (title, show) in STATES.items():
            shown = show(desk)
            if states and state not in states:
                continue
            page = browser.new_page(viewport={"width": 1100, "height": 400})
            page.set_content(PAGE.format(title=html.escape(title), text=coloured(shown, directory)))
            path = to / f"console-{state}.png"
            page.locator("body").screenshot(path=path)
            page.close()
            yield path


def in_jakarta() -> datetime:
    """Return the terminal's wall clock."""
    return datetime.now(ZoneInfo("Asia/Jakarta")).replace(tzinfo=None)


def coloured(shown: str, directory: str) -> str:
    """Return HTML of what stood on the console; a test's paths as they are on a kiosk."""
    for found, put in (
        (f"{directory}/data", "/var/lib/presensi-kiosk"),
        (f"{directory}/etc", "/etc/presensi-kiosk"),
    ):
        shown = shown.replace(found, put)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(shown))
    made = console.export_html(inline_styles=True, code_format="{code}")
    return re.sub(r"\n+$", "", made)
