"""Who is known by finger at this kiosk's modules.

    ground.py (kiosk/)  on what legal ground anybody's finger or face is kept
    slots.py            whose finger is in which slot: the map, committed with the entries about it
    modules.py          which module is meant, and having it for a moment
    enrolment.py        `kiosk enrol finger`, `kiosk fingers remove`: making known and removing
    listing.py          `kiosk fingers`
    carried.py          the file in which templates go to another module, for two officers only
    carrying.py         writing and reading it: `kiosk fingers export` and `import`

A template rests in the module and nowhere else, unless the site has allowed that it is carried.
"""
