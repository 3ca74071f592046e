"""Releases side by side, one of which holds.

    /opt/presensi-kiosk/releases/0.2.0    a whole release, with its units
    /opt/presensi-kiosk/current           -> releases/0.2.0: what the units start

tree.py   a release's directory
"""
