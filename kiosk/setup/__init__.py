"""Setting a kiosk up: from a fresh card to a settings file, keys and certificates.

    plan.py        what a technician decides, each answer with its own check; all mistakes at once
    checks.py      the checks that need no network, reach.py those that do
    tomltext.py    TOML out of plain values; written.py the kiosk.toml that follows from a plan
    disk.py        durable steps on a disk, one by one, so that a test can cut the power at each
    bootfile.py    presensi-kiosk.toml on the boot partition: read, and without its secrets
    firstboot.py   headless: reads it once, enrols, wipes, says what came of it (result.py)
    wizard.py      the questions on the console

What is said to whoever sets up is a `Said`: Bahasa Indonesia first, English second.
"""
