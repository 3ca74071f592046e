"""The application: terminals and the line joined at the journal. Begin with app.py."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("presensi-kiosk")
