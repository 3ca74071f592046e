"""Releases side by side, one of which holds, and the way back (docs/RELEASES.md).

    /opt/presensi-kiosk/releases/0.2.0    a whole release, with its units
    /opt/presensi-kiosk/current           -> releases/0.2.0: what the units start
    /opt/presensi-kiosk/earlier           -> releases/0.1.0: what judges it, where it returns to
    /opt/presensi-kiosk/trial.json        a release on trial

steps.py     the order of things              release.py   what a release says of itself, signed
trial.py     is it healthy: keep or return    bundle.py    the file that comes on a stick
copies.py    the databases before it          tree.py      a release's directory
house.py     files and links                  machine.py   programs and systemd
"""
