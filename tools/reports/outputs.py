"""Outputs of a run, put in order: whatever a cell has shown, what comes after can rely on their form."""

from __future__ import annotations

import json
from typing import Any

from nbformat import NotebookNode

from notebooks import CHECK, FIGURE, clean, code_cells
from schema import problem
from streams import shortened, size

LARGEST = 20_000_000
_FORMS = {FIGURE: ("figure", "figureBundle"), CHECK: ("check", "checkBundle")}


def tidy(notebook: NotebookNode) -> list[tuple[str, str, int]]:
    """Puts the outputs of an executed notebook in order; gives what was wrong: kind, message, cell.

    A representation that is malformed or too large is taken out, so that a simpler one is shown.
    """
    wrong = []
    for number, cell in code_cells(notebook):
        shown = []
        for output in cell.get("outputs", []):
            tidied, problems = _tidy_output(output)
            wrong += [(kind, message, number) for kind, message in problems]
            if tidied is not None:
                shown.append(tidied)
        cell.outputs = shown
    return wrong


def _tidy_output(output: NotebookNode) -> tuple[NotebookNode | None, list[tuple[str, str]]]:
    output = clean(output)
    kind = output.get("output_type")
    if kind == "stream":
        output.update(name=str(output.get("name")), text=shortened(_joined(output.get("text")) or ""))
    elif kind == "error":
        trace = output.get("traceback")
        output.update(
            ename=str(output.get("ename")),
            evalue=str(output.get("evalue")),
            traceback=[str(line) for line in trace] if isinstance(trace, list) else [],
        )
    elif kind in ("display_data", "execute_result"):
        return output, _tidy_bundle(output)
    else:
        return None, [("output", f"an output of unknown type {kind!r} was left out")]
    return output, []


def _joined(value: Any) -> str | None:
    """Text, which nbformat also writes as a list of lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else None


def _tidy_bundle(output: NotebookNode) -> list[tuple[str, str]]:
    wrong = []
    data = output.get("data")
    if not isinstance(data, dict):
        output.data = NotebookNode()
        return [("output", "an output has no bundle of representations and was left out")]
    for mime in list(data):
        value = data[mime]
        if mime in _FORMS:
            kind, form = _FORMS[mime]
            found = problem(form, value)
            if found:
                del data[mime]
                wrong.append((kind, f"a {kind} is malformed: {found}"))
                continue
        elif not mime.endswith("json"):
            value = data[mime] = _joined(value)
            if value is None:
                del data[mime]
                wrong.append(("output", f"an output of type {mime} is not text and was left out"))
                continue
        length = len(value if isinstance(value, str) else json.dumps(value))
        if length > LARGEST:
            del data[mime]
            wrong.append(
                ("output", f"an output of type {mime} has {size(length)}; at most {size(LARGEST)} are kept")
            )
    metadata = output.get("metadata")
    if not isinstance(metadata, dict):
        metadata = NotebookNode()
    ours = metadata.get("liandan")
    if ours is not None and not (isinstance(ours, dict) and all(isinstance(v, str) for v in ours.values())):
        del metadata["liandan"]
    output.metadata = metadata
    if not data:
        data["text/plain"] = "(nothing that can be shown)"
    return wrong
