"""Write docs/vectors.json: what another implementation can check itself against.

    python tests/sync/contract/make_vectors.py > docs/vectors.json

P-256 signatures are different every time, so the file is made once and then kept; the tests verify
what is in it. To be made anew only where the contract has grown.
"""

import json
import sys

from sync.protocol import batch, chain, command, dayhead, entry, hello, receipt
from sync.protocol.identity import PrivateKey
from sync.protocol.topics import State

DEVICE, CENTRAL = PrivateKey.generate(), PrivateKey.generate()
KIOSK, EPOCH, NONCE = "kiosk-lobi", "3f9c2a77d1e04b58", "5d41402abc4b2a76b9719d911017c592"
AT = entry.Stamp(
    wall=1_795_471_721_000,
    up=81_500,
    boot="0f5e6a0c9c1d4a8db3a7e0a1c2d3e4f5",
    synced=True,
    error=12,
)


def presence(user: str, time: str, **more: object) -> entry.Presence:
    """Return a presence at the lobby's terminal."""
    return entry.Presence(
        at=AT,
        source="lobi",
        terminal="CKPG212360001",
        credential="terminal_user",
        user=user,
        time=time,
        zone="Asia/Jakarta",
        **more,  # type: ignore[arg-type]
    )


ENTRIES = [
    entry.Terminal(at=AT, source="lobi", serial="CKPG212360001", model="K40", drift=-2000),
    presence(
        "1001", "2026-11-24T07:28:41", mark=entry.Mark.KNOWN, method="fingerprint", state="in",
        person="197001012000031001", roster=7, drift=-2000, raw="e9030104",
    ),
    presence("1001", "2026-11-24T07:28:41", mark=entry.Mark.REPEAT, ordinal=2),
    presence("", "", mark=entry.Mark.UNREADABLE, witness="log", raw="ffff"),
    entry.Coverage(
        at=AT, source="lobi", terminal="CKPG212360001", through="2026-11-24T07:30:00",
        zone="Asia/Jakarta", records=3, drift=-2000,
    ),
    entry.Clock(at=AT, utc=1_795_471_721_004, error=15, anchor=entry.Anchor.NTP),
    entry.Audit(at=AT, actor="kiosk", action="disk", detail={"level": "low", "before": "fine"}),
    entry.Gap(at=AT, what="history", reason="a copied card", since="91be07c55d3a4f21 1"),
]  # fmt: skip


def main() -> None:
    """Make everything and print it."""
    bodies = [entry.encode(one) for one in ENTRIES]
    genesis = chain.genesis(KIOSK, EPOCH, DEVICE.public.der)
    hashes = list(chain.walk(genesis, bodies))
    mine, theirs = DEVICE.public.fingerprint, CENTRAL.public.fingerprint
    last, head = len(bodies), hashes[-1].hex()
    greeting = hello.Hello(
        kiosk=KIOSK, epoch=EPOCH, number=1, first=1, anchor=genesis.hex(), last=last, head=head,
        nonce=NONCE, key=mine, software="presensi-kiosk 0.1.0", clock=AT,
    )  # fmt: skip
    header = batch.BatchHeader(
        kiosk=KIOSK, epoch=EPOCH, first=1, last=last, prev=genesis.hex(), head=head,
        nonce=NONCE, key=mine,
    )  # fmt: skip

    def word(through: int, **more: object) -> receipt.Receipt:
        return receipt.Receipt(
            kiosk=KIOSK,
            epoch=EPOCH,
            through=through,
            head=(hashes[through - 1] if through else genesis).hex(),
            nonce=NONCE,
            utc=1_795_471_721_500,
            key=theirs,
            **more,  # type: ignore[arg-type]
        )

    asked = command.Command(kiosk=KIOSK, central="c0ffee00c0ffee00", verb="hello", key=theirs)
    day = dayhead.DayHead(
        kiosk=KIOSK, epoch=EPOCH, seq=last, head=head, day="2026-11-24", utc=AT.wall, key=mine
    )
    packed, encoding = batch.pack(batch.encode(header, bodies, DEVICE))
    found = {
        "about": "docs/PROTOCOL.md; messages are UTF-8 text, `packed` is hexadecimal",
        "device_public_pem": DEVICE.public.pem.decode(),
        "device_fingerprint": mine,
        "central_public_pem": CENTRAL.public.pem.decode(),
        "central_fingerprint": theirs,
        "kiosk": KIOSK,
        "epoch": EPOCH,
        "genesis": genesis.hex(),
        "entries": [
            {"body": body.decode(), "hash": hash_.hex()}
            | ({"origin": one.origin.hex()} if isinstance(one, entry.Presence) else {})
            for one, body, hash_ in zip(ENTRIES, bodies, hashes, strict=True)
        ],
        "messages": {
            "hello": hello.encode(greeting, DEVICE).decode(),
            "answer": receipt.encode(word(0), CENTRAL).decode(),
            "answer_after_a_loss": receipt.encode(word(5, lost=[(2, 4)]), CENTRAL).decode(),
            "batch": batch.encode(header, bodies, DEVICE).decode(),
            "receipt": receipt.encode(word(last), CENTRAL).decode(),
            "command": command.encode(asked, CENTRAL).decode(),
            "head": dayhead.encode(day, DEVICE).decode(),
        },
        "packed": {"encoding": encoding.value, "batch": packed.hex()},
        "state": [
            json.loads(_json(State(online=True, connection=3, boot="9f86d081", since=AT.wall))),
            json.loads(_json(State(online=False, connection=3, boot="9f86d081"))),
        ],
    }
    json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


def _json(state: State) -> bytes:
    import msgspec

    return msgspec.json.encode(state)


if __name__ == "__main__":
    main()
