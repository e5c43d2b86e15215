"""Odd outputs: none of them brings down the run or the report, and what is wrong with them is said."""

import json
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from test_render import RESULT

from gates import examine
from notebooks import CHECK, FIGURE
from render import render
from schema import problem
from streams import HEAD, LINE, TAIL, StreamText

OK = {"id": "LI-1", "claim": "c", "value": 1, "interval": [0, 2], "source": "s", "passed": True}
PLOT = {"data": [], "layout": {}}
TEXT = "x" * 30

# name → bundle, metadata; and the kinds of failure that it means, "no check" aside.
CASES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "check {}": ({CHECK: {}}, {}, ["check"]),
    "check null": ({CHECK: None}, {}, ["check"]),
    "check list": ({CHECK: [1]}, {}, ["check"]),
    "check string": ({CHECK: "x"}, {}, ["check"]),
    "interval missing": ({CHECK: {k: v for k, v in OK.items() if k != "interval"}}, {}, ["check"]),
    "interval of strings": ({CHECK: {**OK, "interval": ["a", "b"]}}, {}, ["check"]),
    "interval [null, null]": ({CHECK: {**OK, "interval": [None, None]}}, {}, []),
    "interval of three": ({CHECK: {**OK, "interval": [1, 2, 3]}}, {}, ["check"]),
    "value null": ({CHECK: {**OK, "value": None}}, {}, ["check"]),
    "value list": ({CHECK: {**OK, "value": [1]}}, {}, ["check"]),
    "value true": ({CHECK: {**OK, "value": True}}, {}, ["check"]),
    "value 1e400": ({CHECK: {**OK, "value": float("inf")}}, {}, ["check"]),
    "value 10**400": ({CHECK: {**OK, "value": 10**400}}, {}, ["check"]),
    "id number": ({CHECK: {**OK, "id": 5}}, {}, ["check"]),
    "claim null": ({CHECK: {**OK, "claim": None}}, {}, ["check"]),
    "passed string": ({CHECK: {**OK, "passed": "yes"}}, {}, ["check"]),
    "figure null": ({FIGURE: None, "text/plain": TEXT}, {}, ["figure"]),
    "figure string": ({FIGURE: "x", "text/plain": TEXT}, {}, ["figure"]),
    "figure {}": ({FIGURE: {}, "text/plain": TEXT}, {}, ["figure"]),
    "figure with layout null": ({FIGURE: {"data": [], "layout": None}, "text/plain": TEXT}, {}, ["figure"]),
    "figure with NaN": ({FIGURE: {"data": [{"x": [float("nan")]}]}, "text/plain": TEXT}, {}, []),
    "figure without text": ({FIGURE: PLOT}, {}, ["figure"]),
    "alt number": ({FIGURE: PLOT, "text/plain": 5}, {}, ["output", "figure"]),
    "text/plain list": ({FIGURE: PLOT, "text/plain": ["a", "b" * 30]}, {}, []),
    "png junk": ({"image/png": "!!!", "text/plain": "x"}, {}, []),
    "png number": ({"image/png": 5, "text/plain": "x"}, {}, ["output"]),
    "html number": ({"text/html": 5, "text/plain": "x"}, {}, ["output"]),
    "html null": ({"text/html": None, "text/plain": "x"}, {}, ["output"]),
    "html of 60 MB": ({"text/html": "x" * 60_000_000, "text/plain": "x"}, {}, ["output"]),
    "no text": ({"application/x": "y"}, {}, []),
    "empty bundle": ({}, {}, []),
    "bundle null": (None, {}, ["output"]),
    "bundle string": ("x", {}, ["output"]),
    "markdown null": ({"text/markdown": None, "text/plain": "x"}, {}, ["output"]),
    "text/plain null": ({"text/plain": None}, {}, ["output"]),
    "svg number": ({"image/svg+xml": 5, "text/plain": "x"}, {}, ["output"]),
    "lone surrogate": ({"text/plain": "a\ud800b"}, {}, []),
    "lone surrogate as key": ({"text/\ud800": "b", "text/plain": "x"}, {}, []),
    "NUL and control": ({"text/plain": "a\0\x08\x1b[999m\x1b]0;t\x07"}, {}, []),
    "metadata liandan string": ({FIGURE: PLOT, "text/plain": TEXT}, {"liandan": "x"}, []),
    "metadata liandan list": ({FIGURE: PLOT, "text/plain": TEXT}, {"liandan": [1]}, []),
    "metadata alt number": ({FIGURE: PLOT, "text/plain": TEXT}, {"liandan": {"alt": 5}}, []),
    "metadata null": ({FIGURE: PLOT, "text/plain": TEXT}, None, []),
}


def with_output(output: dict[str, Any]) -> nbformat.NotebookNode:
    """A notebook as a kernel might leave it, which nbformat would not accept."""
    notebook = new_notebook(cells=[new_code_cell("x", execution_count=1)])
    notebook.cells[0].outputs = [nbformat.from_dict(output)]
    return notebook


@pytest.mark.parametrize("name", CASES)
def test_an_odd_bundle_is_a_failure_of_its_cell_at_most(name):
    data, metadata, kinds = CASES[name]
    notebook = with_output({"output_type": "display_data", "data": data, "metadata": metadata})
    evidence = examine(notebook)
    found = [failure.kind for failure in evidence.failures if failure.kind != "no check"]
    assert found == kinds
    json.dumps(evidence.checks, allow_nan=False)
    nbformat.writes(notebook).encode()
    checks_and_figures = {"checks": evidence.checks, "figures": evidence.figures}
    page = render(notebook, {**RESULT, **checks_and_figures})
    page.encode()
    assert page.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stdout", "text": "half an emoji \ud83d"},
        {"output_type": "stream", "name": None, "text": None},
        {"output_type": "stream", "text": ["a\n", "b"]},
        {"output_type": "error"},
        {"output_type": "error", "ename": 1, "evalue": None, "traceback": [None, "\ud800"]},
        {"output_type": "error", "ename": "E", "evalue": "e", "traceback": "text"},
        {"output_type": "unheard of"},
        {},
    ],
)
def test_an_odd_output_is_no_obstacle(output):
    notebook = with_output(output)
    examine(notebook)
    nbformat.writes(notebook).encode()
    render(notebook, RESULT).encode()


def test_a_carriage_return_begins_its_line_anew():
    text = StreamText()
    for chunk in ("10 %\r", "20 %\r50", " %\r\nnext\r", "\n", "a\rb\rc\n", "end\r"):
        text.add(chunk)
    assert str(text) == "50 %\nnext\nc\nend"


def test_a_long_line_is_cut_where_it_can_be_seen():
    text = StreamText()
    for _ in range(60):
        text.add("x" * 1_000_000)
    text.add("\nlast\n")
    assert str(text) == "x" * LINE + " … 60 MB of this line cut\nlast\n"


def test_of_many_lines_begin_and_end_are_kept():
    text = StreamText()
    for number in range(300_000):
        text.add(f"{number:09} {'x' * 80}\n")
    shown = str(text)
    assert len(shown) < HEAD + TAIL + 100
    lines = shown.splitlines()
    assert lines[0].startswith("000000000 ")
    assert lines[-1].startswith("000299999 ")
    assert [line for line in lines if line.startswith("…")] == ["… 26 MB cut …"]


def test_what_the_tools_write_has_the_form_that_the_schema_says():
    assert problem("result", {**RESULT, "checks": [{**OK, "cell": 1}]}) is None
    assert problem("result", {**RESULT, "checks": [{**OK, "cell": 1, "interval": [0]}]}) is not None
    assert problem("environment", {**RESULT["environment"], "tfjs": "4.22.0"}) is not None
