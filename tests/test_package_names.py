"""Our package names are plain words; pip would silently let another distribution overwrite them."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_nobody_else_owns_our_names() -> None:
    # An editable install lists no files, so ours may or may not be among the owners.
    owners = packages_distributions()
    for name in ("kiosk", "drivers", "sync"):
        others = set(owners.get(name, ())) - {"presensi-kiosk"}
        assert not others, f"{name} is also installed by {others}: uninstall that"
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin == str(ROOT / name / "__init__.py")
