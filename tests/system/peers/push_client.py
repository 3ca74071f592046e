"""django-fingerprint-attendance's simulated terminal (MIT), against another process's listener.

    push_client.py PORT SERIAL FIRMWARE

Runs in the environment that install.py makes. Says one JSON line: what it knows at the end.
"""

import http.client
import json
import sys
from datetime import datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

from fingerprint_attendance.testing import ADMSDeviceSimulator

MORNING = datetime(2026, 11, 26, 7, 0)  # noqa: DTZ001 - a terminal's clock has no zone
SECRET = b"template of a finger"


class Client:
    """What the simulator takes for Django's test client, over one real connection."""

    def __init__(self, port: int) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path: str, query: dict, **_: str) -> SimpleNamespace:
        return self._ask("GET", f"{path}?{urlencode(query)}")

    def post(self, path: str, data: bytes, content_type: str, **_: str) -> SimpleNamespace:
        return self._ask("POST", path, data, {"Content-Type": content_type})

    def _ask(self, method: str, target: str, body=None, headers=None) -> SimpleNamespace:
        self._line.request(method, target, body, headers or {})
        answer = self._line.getresponse()
        return SimpleNamespace(status_code=answer.status, content=answer.read())


def main() -> None:
    """Shake hands, punch, go away and come back, do what is asked."""
    port, serial, firmware = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    device = ADMSDeviceSimulator(Client(port), serial=serial, firmware=firmware)
    device.handshake()
    device.punch("1001", MORNING, status=0, verify=1)
    device.enroll_at_device("1001", 6, SECRET, name="Adi")
    device.go_offline()
    for n in range(1200):
        device.punch(f"{1001 + n % 55}", MORNING + timedelta(seconds=n + 1), verify=15)
    device.go_online()
    statuses = [one.status for one in device.upload_pending(corrupt_line=0)]
    device.punch("1055", MORNING + timedelta(hours=9), upload=False)
    device.punch("1056", MORNING + timedelta(hours=9), upload=False)
    statuses += [one.status for one in device.upload_pending(corrupt_line=0)]
    executed = device.run_commands()
    again = [one.status for one in device.upload_pending()]
    print(
        json.dumps(
            {
                "options": device.options,
                "statuses": statuses,
                "again": again,
                "executed": executed,
                "uploaded": device.uploaded,
                "log": len(device.log),
                "ping": device.ping().status,
            }
        )
    )


if __name__ == "__main__":
    main()
