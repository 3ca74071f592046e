"""The way to the broker, step by step: the first step that fails is the one to mend."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from kiosk.doctor.machine import Machine, fact
from kiosk.facts import Fact
from sync.line import Broker, LineError
from sync.tls import context

WITHIN_S: Final = 5.0

Connect = Callable[[str, int], socket.socket]


def connect(host: str, port: int) -> socket.socket:
    """Return a connection. Raises OSError."""
    return socket.create_connection((host, port), WITHIN_S)


def findings(machine: Machine, line: Broker, reach: Connect = connect) -> Iterator[Fact]:
    """Yield how far the way to the broker goes; it is told nothing but TLS's greeting."""
    is_here = line.host in ("localhost", "127.0.0.1", "::1")
    if not is_here:
        cables = [
            path.parent.name
            for path in machine.all("/sys/class/net/*/operstate")
            if path.parent.name != "lo" and machine.text(machine.name(path)) == "up"
        ]
        yield fact(
            "Jaringan: kabel",
            ", ".join(cables) or "tidak ada",
            [] if cables else ["no network is up: look at cable, switch and Wi-Fi"],
            bad=not cables,
        )
        if not cables:
            return
        if not _has_route(machine):
            yield fact(
                "Jaringan: jalan keluar", "tidak ada", bad=True,
                advice=["no default route: does the router give addresses (DHCP)? ip route"],
            )  # fmt: skip
            return
    yield from _broker(line, reach)


def _has_route(machine: Machine) -> bool:
    lines = (machine.text("/proc/net/route") or "").splitlines()[1:]
    if any(line.split()[1:2] == ["00000000"] for line in lines):
        return True
    return any(
        line.split()[:2] == ["0" * 32, "00"] and line.split()[-1] != "lo"
        for line in (machine.text("/proc/net/ipv6_route") or "").splitlines()
        if line.split()
    )


def _broker(line: Broker, reach: Connect) -> Iterator[Fact]:
    title, where = "Jaringan: broker", f"{line.host}:{line.port}"
    try:
        there = reach(line.host, line.port)
    except socket.gaierror as error:
        yield fact(title, where, [
            f"the name {line.host} is not found ({error.strerror}): is it spelt right in "
            "[line] host? Does the name server answer? getent hosts " + line.host
        ], bad=True)  # fmt: skip
        return
    except OSError as error:
        yield fact(title, where, [
            f"nothing answers at {where} ({error.strerror or error}): is the broker running, and "
            f"does the firewall let port {line.port} out?"
        ], bad=True)  # fmt: skip
        return
    with there:
        if line.tls is None:
            yield fact(title, where, ["the line has no TLS: only for a test bench ([line.tls])"])
            return
        try:
            made = context(line.tls, check_times=True)
            with made.wrap_socket(there, server_hostname=line.host) as spoken:
                version = spoken.version() or "?"
        except (LineError, ssl.SSLError, OSError, ValueError) as error:
            yield fact(title, where, [
                f"it answers, but TLS fails: {error}. Certificates: docs/BROKER.md; a clock that "
                "is wrong makes every certificate look wrong"
            ], bad=True)  # fmt: skip
            return
    yield fact(title, f"{where}, {version}")
