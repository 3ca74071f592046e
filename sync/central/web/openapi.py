"""The contract of the API, made of the same table and structs by which it answers."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec
from msgspec import Struct

from sync.central.web.shapes import Problem

VERSION: Final = "3.1.0"
ROOT: Final = "/api/v1"

_REF: Final = "#/components/schemas/{name}"
_PROBLEM: Final = "application/problem+json"


class Parameter(Struct, frozen=True):
    """One parameter; those that stand in the path are required."""

    name: str
    words: str
    schema: dict[str, Any]
    is_in_path: bool = True


class Operation(Struct, frozen=True):
    """Something that may be asked for; `path` as OpenAPI writes it, after `ROOT`."""

    path: str
    name: str
    words: str
    answer: type[Struct]
    parameters: Sequence[Parameter] = ()


_WRONG: Final = {
    "400": "A parameter is not what it must be.",
    "401": "No token, or none that is good.",
    "403": "The account may not.",
    "404": "There is no such thing, or none that the account sees.",
    "503": "Not now: the database is away, or the rules of working time contradict each other.",
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the contract."""
    answers = [one.answer for one in operations]
    schemas, components = msgspec.json.schema_components([*answers, Problem], ref_template=_REF)
    problem = {_PROBLEM: {"schema": schemas[-1]}}
    wrong = {status: {"description": words, "content": problem} for status, words in _WRONG.items()}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Presensi: central's API",
            "version": version("presensi-kiosk"),
            "description": (
                "Reads only. Every question is written into the access log. Moments are UTC; days "
                "and months are those of a unit's zone. Words are those of screens, in Bahasa "
                "Indonesia. Fields may be added; none changes its meaning within v1."
            ),
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "paths": {
            one.path: {
                "get": {
                    "operationId": one.name,
                    "summary": one.words,
                    "parameters": [_parameter(parameter) for parameter in one.parameters],
                    "responses": {
                        "200": {
                            "description": (one.answer.__doc__ or "").splitlines()[0],
                            "content": {"application/json": {"schema": schema}},
                        },
                        **wrong,
                    },
                }
            }
            for one, schema in zip(operations, schemas, strict=False)
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `presensi-central account token NAME PROGRAM`.",
                }
            },
        },
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": "path" if one.is_in_path else "query",
        "required": one.is_in_path,
        "description": one.words,
        "schema": one.schema,
    }
