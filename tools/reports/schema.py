"""The form of what a run leaves, as schemas/run.schema.json says it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

_FILE = Path(__file__).resolve().parent / "schemas" / "run.schema.json"


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads(_FILE.read_text("utf8")) | {"$ref": f"#/definitions/{name}"})


def problem(name: str, value: Any) -> str | None:
    """What is wrong with a value that should be a `name` of the schema; None when nothing is."""
    for error in _validator(name).iter_errors(value):
        where = "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in error.absolute_path)
        message = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
        return f"{where.removeprefix('.')}: {message}" if where else message
    return None
