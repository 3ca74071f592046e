"""How long from a terminal's event until it is painted on the employee's screen.

    python bench/screen.py [--quick] [--directory DIR]

The simulated ZK terminal, the daemon with its fsync, the screen's own process and real Chromium,
each a process as it would be in an office, over loopback; the broker and central run as well. The
clock starts when the terminal sends its live event and stops in the second animation frame after
the page has changed, when the picture is on its way to the glass. All of it on this machine's one
clock. People come one by one, further apart than the burst rule. Prints one JSON line:

    p50_ms, p95_ms, max_ms   event sent to painted
    events                   so many were measured
    idle_percent             of a core that the screen's process takes while nobody comes
    rss_mib                  its resident memory
    status_ms                the same of the daemon's answer to `status`, asked every two seconds
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from footprint import free_ports
from latency import await_line
from playwright.sync_api import Page, sync_playwright
from stand.office import Office
from stand.watched import Watched

from kiosk.cli.demo_setup import program
from kiosk.local import ask
from kiosk.screen.pace import LEAST_S

CHROMIUM = "/usr/bin/chromium"
APART_S = LEAST_S + 0.1
IDLE_S = 20.0
BEFORE = 3  # punches until everything is warm
LISTENS_WITHIN_S = 20.0
ARRIVES_WITHIN_MS = 10_000

PAINTED = """() => {
    window.painted = [];
    const result = document.getElementById("result");
    const looks = {subtree: true, childList: true, characterData: true, attributes: true};
    let waits = false;
    new MutationObserver(() => {
        if (waits || result.hidden) return;
        waits = true;
        requestAnimationFrame(() => requestAnimationFrame(() => {
            painted.push(performance.timeOrigin + performance.now());
            waits = false;
        }));
    }).observe(document.getElementById("spoken"), looks);
}"""
"""A result is also put into the part that is read aloud, once and last."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    given = parser.parse_args()
    punches, idle_s = (20, 5.0) if given.quick else (120, IDLE_S)
    ports, (port, *_) = free_ports(), free_ports()
    with (
        tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-screen-") as name,
        Office(Path(name), ports) as office,
    ):
        toml = office.bench.kiosk_toml
        screen_at = f"[screen]\nport = {port}\ntechnician.port = 0\n\n[line]"
        toml.write_text(toml.read_text().replace("[line]", screen_at))
        daemon = office.daemon()
        screen = Watched(
            [program("kiosk"), "screen", "--config", toml],
            Path(name) / "screen.log",
            notifies=False,
        )
        try:
            await_line(office)
            print(json.dumps(measured(office, screen, port, punches, idle_s)))
        finally:
            screen.end()
            daemon.end()


def measured(
    office: Office, screen: Watched, port: int, punches: int, idle_s: float
) -> dict[str, float]:
    """Return the figures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1024, "height": 600})
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#away", state="hidden", timeout=1000 * LISTENS_WITHIN_S)
        cpu_s = screen.cpu_s()
        page.wait_for_timeout(1000 * idle_s)
        idle = (screen.cpu_s() - cpu_s) / idle_s
        page.evaluate(PAINTED)
        waited_ms = []
        for n in range(BEFORE + punches):
            began = time.monotonic()
            sent_ms = office.punch_now()
            painted_ms = arrival(page, n)
            waited_ms.append(painted_ms - sent_ms)
            page.wait_for_timeout(1000 * max(0.0, began + APART_S - time.monotonic()))
        rss = screen.rss_mib()
        browser.close()
    waited_ms = waited_ms[BEFORE:]
    return {
        "p50_ms": round(statistics.median(waited_ms), 1),
        "p95_ms": round(statistics.quantiles(waited_ms, n=20)[-1], 1),
        "max_ms": round(max(waited_ms), 1),
        "events": len(waited_ms),
        "idle_percent": round(100 * idle, 2),
        "rss_mib": round(rss, 1),
        "status_ms": round(status_ms(office), 1),
    }


def arrival(page: Page, number: int) -> float:
    """Return when punch `number` was painted, milliseconds since 1970."""
    until_s = time.monotonic() + ARRIVES_WITHIN_MS / 1000
    while time.monotonic() < until_s:
        painted = page.evaluate("painted")
        if len(painted) > number:
            return painted[number]
        page.wait_for_timeout(10)
    raise TimeoutError(f"punch {number} was not painted within {ARRIVES_WITHIN_MS} ms")


def status_ms(office: Office) -> float:
    """Return how long the daemon's answer to `status` takes, the median of some."""
    took = []
    for _ in range(20):
        began = time.perf_counter()
        list(ask(office.bench.socket, "status"))
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


if __name__ == "__main__":
    main()
