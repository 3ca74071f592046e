"""Backups of a whole kiosk: one file that two officers open together, for an empty card.

parcel.py    the file: a signed heading, then encrypted chunks; nothing else reads or writes it
contents.py  what goes into it, and what is left out with its reason
pack.py      a kiosk, while it works, into a parcel
unpack.py    a parcel onto an empty card: settings, journal, roster, everything but the vault
people.py    the vault and the PINs, behind everybody's tombstones
"""
