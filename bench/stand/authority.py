"""A timestamp authority and a certificate authority that we did not write: openssl, behind HTTP."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = """\
[tsa]
default_tsa = it
[it]
serial = {home}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[stamp]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
[host]
subjectAltName = IP:127.0.0.1,DNS:localhost
"""


def openssl(*words: object, text: bytes = b"", check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["openssl", *map(str, words)], input=text, capture_output=True, check=check, timeout=30
    )


class Keys:
    """A certificate authority in a directory: `ca.pem`, and what it signed."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.home = home
        self.config = home / "openssl.cnf"
        self.config.write_text(CONFIG.format(home=home))
        self.ca = self._make("ca", "ca")

    def issue(self, name: str, use: str) -> Path:
        """Return the certificate of a new key `NAME.key`."""
        return self._make(name, use, "-CA", self.ca, "-CAkey", self.home / "ca.key")

    def _make(self, name: str, use: str, *by: object) -> Path:
        path = self.home / f"{name}.pem"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-days", "30", "-keyout", self.home / f"{name}.key",
            "-out", path, "-extensions", use, "-config", self._req(use),
            *by,
        )  # fmt: skip
        return path

    def _req(self, use: str) -> Path:
        path = self.home / f"{use}.req"
        path.write_text(f"[req]\ndistinguished_name = dn\n[dn]\n{CONFIG}")
        return path


class Authority:
    """`openssl ts` at an address of its own. `spoil` changes what is asked or answered."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.asked = 0
        self.status = 200
        self.spoil_query = self.spoil_answer = lambda content: content
        signer = keys.issue("tsa", "stamp")
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                answer = authority.answer(query, signer)
                self.send_response(authority.status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def answer(self, query: bytes, signer: Path) -> bytes:
        self.asked += 1
        home = self.keys.home
        (home / "q.tsq").write_bytes(self.spoil_query(query))
        openssl(
            "ts", "-reply", "-config", self.keys.config, "-queryfile", home / "q.tsq",
            "-signer", signer, "-inkey", home / "tsa.key", "-out", home / "a.tsr",
        )  # fmt: skip
        return self.spoil_answer((home / "a.tsr").read_bytes())

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
