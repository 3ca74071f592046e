"""Who is known by face at this kiosk: made known, kept, forgotten.

    enrolment.py   `kiosk enrol`: templates from a camera or files, notice, legal basis, duplicates
    vault.py       the gallery: who is known, of which model; strongroom.py, vaultfile.py and
                   vaultkey.py are the file, its key and its transactions; vaultwords.py the words
    erasing.py     `kiosk forget`: vault, terminals, certificate; tombstones.py outlive backups
    backup.py      what a new Pi restores, under the unit key of two officers (unitkey.py)
    telling.py     what the vault did reaches the journal exactly once
    keep.py        the worker: opens the vault, goes on with what is open, ends kept pictures
    likeness.py    who resembles whom, without numpy

Nothing of the rest of the kiosk knows a template; a camera's source is given them as octets.
"""
