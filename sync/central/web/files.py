"""Tables as files that a browser keeps: CSV and workbooks, whose cells no spreadsheet runs."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from sync.central.roster import cells, csvfiles, xlsx

_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def answer_file(name: str, form: str, rows: Sequence[Sequence[str]]) -> Response:
    """Return a table as a file of that form, `csv` or `xlsx`."""
    safe = [[cells.guarded(cell) for cell in row] for row in rows]
    content = xlsx.write({"rekap": safe}) if form == "xlsx" else csvfiles.write(safe)
    said = quote(f"{name}.{form}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{said}"}
    return Response(content, media_type=_TYPES[form], headers=headers)
