"""Where the pages are: their addresses, whatever stands in an id. Pure."""

from urllib.parse import quote, urlencode


def unit_link(unit: str, day: str = "", sort: str = "") -> str:
    """Return the page of a unit's day; "" for today's, and for groups."""
    return _with(f"/units/{_part(unit)}", day=day, sort=sort)


def unit_events_link(unit: str, day: str = "", sort: str = "") -> str:
    """Return its stream."""
    return _with(f"/units/{_part(unit)}/events", day=day, sort=sort)


def unit_recap_link(unit: str, month: str, what: str = "recap") -> str:
    """Return a unit's month: its page, or a file of it (`recap.csv`, `duties.xlsx`)."""
    return _with(f"/units/{_part(unit)}/{what}", month=month)


def person_link(person: str, month: str = "") -> str:
    """Return a person's month."""
    return _with(f"/people/{_part(person)}", month=month)


def closing_link(unit: str, month: str) -> str:
    """Return a unit's closed month."""
    return f"/closings/{_part(unit)}/{month}"


def form_link(form: str, person: str, day: str) -> str:
    """Return a form about a person's day: `absences` or `papers`."""
    return _with(f"/{form}/new", person=person, day=day)


def _part(id_: str) -> str:
    return quote(id_, safe="")


def _with(path: str, **said: str) -> str:
    query = {name: value for name, value in said.items() if value}
    return f"{path}?{urlencode(query)}" if query else path
