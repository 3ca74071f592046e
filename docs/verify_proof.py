"""Checks a proof that `presensi-central prove` made. Needs Python 3.10 and `cryptography`;
no network, no database, no other file of the system that it checks. Read it; it is short.

    python verify_proof.py proof.json [--device-key kiosk.pem] [--central-key central.pem]
        [--night night-2026-11-26.txt] [--authority tsa.pem]

What is proved, step by step:
  1. The entry's exact bytes and the hash before it give the entry's hash:
         hash(n) = SHA-256( hash(n-1) || SHA-256( body(n) ) )
     The digests of the entries behind it lead on. No other bytes lead to the same place.
  2. The device signed the hash at one of those places: it held exactly this entry then.
  3. Central signed, in one night, a Merkle root over the ends of all journals; the path leads from
     this journal's line to that root. Whoever kept that night's head elsewhere can compare it.
  4. If there is a timestamp, an authority says when the head of that night was there.

Exit code 0: everything that is in the proof holds. 1: something does not, or nothing is proved.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HASH, NAME = re.compile(r"[0-9a-f]{64}\Z"), re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Wrong(ValueError):
    """Something does not hold."""


def sha256(content):
    return hashlib.sha256(content).digest()


def demand(holds, otherwise):
    if not holds:
        raise Wrong(otherwise)


# How the file is read: strictly, so that two readers cannot understand it differently.
def members(pairs):
    found = dict(pairs)
    demand(len(found) == len(pairs), "a name stands twice in one object")
    return found


def read_json(text, what):
    found = json.loads(text, object_pairs_hook=members)
    demand(isinstance(found, dict), f"{what} is not a JSON object")
    return found


def check_form(found, form, where):
    """`found` has exactly the members of `form`, each of its type."""
    strange = sorted(set(found) ^ set(form))
    demand(not strange, f"{where}: {', '.join(strange)} is missing or unknown")
    for name, kinds in form.items():
        demand(type(found[name]) in kinds, f"{where}.{name} is not of the right type")


NONE = type(None)
PROOF = dict(form=(str,), kiosk=(str,), epoch=(str,), seq=(int,), body=(str,), previous=(str,),
             digests=(list,), device=(dict, NONE), night=(dict, NONE))  # fmt: skip
DEVICE = dict(domain=(str,), line=(str,), signature=(str,), key=(str,))
NIGHT = dict(line=(str,), signature=(str,), key=(str,), end=(str,), at=(int,), path=(list,),
             token=(str, NONE))  # fmt: skip


def read_hash(text, what):
    demand(isinstance(text, str) and HASH.match(text), f"{what} is not a hash")
    return bytes.fromhex(text)


def read_base64(text, what):
    content = base64.b64decode(text, validate=True)
    demand(base64.b64encode(content).decode() == text, f"{what} is not base64 as it is written")
    return content


def read_length(der):
    """The bytes of the DER element that `der` begins with, its own tag and length included."""
    demand(len(der) > 1, "the timestamp is empty")
    if der[1] < 0x80:
        return 2 + der[1]
    behind = 2 + der[1] - 0x80  # where the length, in so many bytes, ends
    return behind + int.from_bytes(der[2:behind], "big")


def read_key(pem, what):
    """The public key, its PEM, and its fingerprint: SHA-256 of its DER SubjectPublicKeyInfo."""
    key = serialization.load_pem_public_key(pem)
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    demand(is_p256, f"{what} is not a P-256 key")
    pem, der = (
        key.public_bytes(coding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for coding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    )
    return key, pem.decode(), sha256(der).hex()


# What is checked.
def check_signature(word, domain, whose, trusted):
    """Line 1 was signed by the key in the proof, which is the one that line 1 names."""
    key, pem, fingerprint = read_key(word["key"].encode(), f"{whose}'s key")
    demand(pem == word["key"], f"{whose}'s key is not PEM as it is written")
    line = read_json(word["line"], f"{whose}'s line")
    demand(line.get("key") == fingerprint, f"{whose}'s line names another key than the proof has")
    signature = read_base64(word["signature"], f"{whose}'s signature")
    try:
        signed = domain.encode() + b"\0" + word["line"].encode()
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Wrong(f"{whose}'s signature is not by that key") from None
    print(f"  holds   {whose} signed: {word['line']}")
    if trusted is None:
        print(f"  TRUSTED {whose}'s key is the proof's own; compare elsewhere: {fingerprint}")
    else:
        wanted = read_key(pathlib.Path(trusted).read_bytes(), trusted)[2]
        demand(wanted == fingerprint, f"{whose}'s key is {fingerprint}, not that of {trusted}")
        print(f"  holds   {whose}'s key is the one in {trusted}: {fingerprint}")
    return line


def check_device(proof, chain, trusted):
    word = proof["device"]
    if word is None:
        demand(trusted is None, "the device signed nothing in the proof")
        print("  MISSING the device's signature: a head of the night alone proves it")
        return 0
    check_form(word, DEVICE, "device")
    place = {"presensi-batch-v1": "last", "presensi-head-v1": "seq"}.get(word["domain"])
    demand(place is not None, "device.domain is none in which a device signs its journal")
    line = check_signature(word, word["domain"], "the device", trusted)
    same = (line.get("kiosk"), line.get("epoch")) == (proof["kiosk"], proof["epoch"])
    demand(same, "the device's line is about another journal")
    check_place(chain, line.get(place), line.get("head"), "the device")
    return line[place]


def check_place(chain, through, head, whose):
    """The digests lead to the hash that was signed, at the place for which it was signed."""
    demand(type(through) is int and through in chain, f"{whose} signed a place beside the digests")
    demand(head == chain[through].hex(), f"the entry does not lead to the hash that {whose} signed")
    print(f"  holds   the entry leads to the hash that {whose} signed for entry {through}")


def climb(line, at, count, path):
    """The Merkle root (RFC 6962) to which `line`, number `at` of `count`, leads by `path`."""
    demand(0 <= at < count, "night.at is not a place of the list")
    sides = []  # from the root down: is our half the left one?
    while count > 1:
        half = 1 << ((count - 1).bit_length() - 1)
        sides.append(at < half)
        at, count = (at, half) if at < half else (at - half, count - half)
    demand(len(path) == len(sides), "night.path is not as long as the list's tree is high")
    found = sha256(b"\x00" + line)
    for is_left, text in zip(reversed(sides), path, strict=True):
        other = read_hash(text, "night.path")
        found = sha256(b"\x01" + (found + other if is_left else other + found))
    return found


def check_night(proof, chain, options):
    word = proof["night"]
    if word is None:
        given = options.central_key or options.night or options.authority
        demand(not given, "no head of the night is in the proof")
        print("  MISSING a head of the night: the device's signature alone proves it")
        return 0
    check_form(word, NIGHT, "night")
    line = check_signature(word, "presensi-night-v1", "central", options.central_key)
    parts = word["end"].split(" ")
    is_ours = len(parts) == 4 and parts[:2] == [proof["kiosk"], proof["epoch"]]
    demand(is_ours, "night.end is about another journal")
    demand(re.match(r"[1-9][0-9]{0,15}\Z", parts[2]), "night.end has no place")
    check_place(chain, int(parts[2]), parts[3], "central")
    demand(type(line.get("count")) is int, "central's line has no count")
    root = climb(word["end"].encode(), word["at"], line["count"], word["path"])
    demand(root.hex() == line.get("root"), "night.end does not lead to the root of that night")
    print(f"  holds   this journal's line is in the list of night {line.get('day')}")
    digest = sha256(word["line"].encode()).hex()
    print(f"  COMPARE with what was printed or mailed in that night: SHA-256 {digest}")
    if options.night is not None:
        kept = pathlib.Path(options.night).read_bytes().split(b"\n")
        demand(kept[0] == word["line"].encode(), f"{options.night} is another head of the night")
        listed = kept[2:][word["at"] : word["at"] + 1]
        demand(listed == [word["end"].encode()], f"{options.night} has another line in its place")
        print(
            f"  holds   {options.night} is the same head of the night, and has this journal's line"
        )
    check_token(word, options.authority)
    return int(parts[2])


def check_token(word, authority):
    if word["token"] is None:
        demand(authority is None, "there is no timestamp in the proof")
        return
    token, line = read_base64(word["token"], "night.token"), word["line"].encode()
    demand(sha256(line) in token, "the timestamp is about something else")
    # openssl reads one element and never looks behind it.
    demand(len(token) == read_length(token), "there is something behind the timestamp")
    if authority is None:
        print("  UNKNOWN whether the timestamp holds: name its --authority (openssl checks it)")
        return
    with tempfile.TemporaryDirectory() as home:
        answer, said = pathlib.Path(home, "night.tsr"), pathlib.Path(home, "line")
        answer.write_bytes(token)
        said.write_bytes(line)
        words = ["openssl", "ts", "-verify", "-in", answer, "-data", said, "-CAfile", authority]
        done = subprocess.run(words, capture_output=True)
    demand(done.returncode == 0, f"openssl refuses the timestamp: {done.stderr.decode()[-300:]}")
    print(f"  holds   the timestamp of the authority in {authority}")


def check(options):
    proof = read_json(pathlib.Path(options.proof).read_text("utf-8"), options.proof)
    check_form(proof, PROOF, "the proof")
    demand(proof["form"] == "presensi-proof-v1", "form is not presensi-proof-v1")
    demand(NAME.match(proof["kiosk"]) and NAME.match(proof["epoch"]), "that is no journal's name")
    demand(proof["device"] or proof["night"], "nobody signed: nothing is proved")
    print(f"entry {proof['seq']} of journal {proof['epoch']} of {proof['kiosk']} says:")
    for name, value in read_json(proof["body"], "the body").items():
        print(f"          {json.dumps(name)}: {json.dumps(value)}")
    place, found = proof["seq"], read_hash(proof["previous"], "previous")
    chain = {}
    for digest in [sha256(proof["body"].encode()).hex(), *proof["digests"]]:
        found = chain[place] = sha256(found + read_hash(digest, "a digest"))
        place += 1
    ends = [
        check_device(proof, chain, options.device_key),
        check_night(proof, chain, options),
    ]
    demand(max(ends) == max(chain), "there are digests behind the last signature")


def main():
    parser = argparse.ArgumentParser(description="Check a proof of presensi-central's.")
    parser.add_argument("proof", help="the file that `presensi-central prove` made")
    for name in ("device-key", "central-key", "night", "authority"):
        parser.add_argument(f"--{name}", metavar="FILE", help="got over another road")
    try:
        check(parser.parse_args())
    except (ValueError, OSError, UnsupportedAlgorithm) as error:
        print(f"  DOES NOT HOLD: {error}")
        return 1
    print("Everything in the proof holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
