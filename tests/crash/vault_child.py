"""Enrols and forgets until it is killed; says what is acknowledged, one line each.

python tests/crash/vault_child.py DIRECTORY
"""

import sys
from itertools import count
from pathlib import Path
from random import Random

from drivers.faces import Enrolled, Shot
from drivers.store import Secret
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import About, Erasure, Tell


def main() -> None:
    """Go on and on."""
    home = Path(sys.argv[1])
    vault = Vault(home, KeyPlace(home, {}))
    vault.open()
    for n in count():
        person = f"p{n % 5}"
        octets = Random(n).randbytes(512)
        shots = tuple(Shot(template=Secret(octets), quality=1.0, yaw=0.0) for _ in range(3))
        about = About(notice=f"{n}", basis="public-task", by="r", at=1)
        vault.put(person, Enrolled(model="m", shots=shots), about, Tell("r", "face enrolled", {}))
        print("enrolled", person, n, octets.hex(), flush=True)
        sealed = [row[4].hex() for row in vault.records() if row[1] == person]
        if n % 3 == 0:
            one = Erasure(id=f"{n}", person=person, generation=0, by="r", reason="x", at=1)
            vault.forget(one, Tell("r", "person forgotten", {}))
            print("forgotten", person, n, *sealed, flush=True)


if __name__ == "__main__":
    main()
