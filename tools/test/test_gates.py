"""The gates, on outputs made by hand."""

import json
from typing import Any

import pytest
from conftest import REPORTS
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gates import examine
from notebooks import CHECK, FIGURE
from words import measured

ALTERNATIVE = "Line plot: the loss falls from 2.3 to 0.1."


def check(
    value: float | None = 1.0, interval: Any = (0.5, 2.0), passed: bool = True, name: str = "LI-1"
) -> Any:
    interval = list(interval)
    bundle = {"id": name, "claim": "it holds", "value": value, "interval": interval, "source": "(5.1)"}
    return new_output("display_data", {CHECK: bundle | {"passed": passed}, "text/plain": "LI-1"})


def figure(alternative: str) -> NotebookNode:
    metadata = {"liandan": {"figure": "loss", "alt": alternative}}
    return new_output("display_data", {FIGURE: {"data": [], "layout": {}}}, metadata=metadata)


def stderr(text: str) -> NotebookNode:
    return new_output("stream", name="stderr", text=text)


def error(*traceback: str) -> NotebookNode:
    return new_output("error", ename="Error", evalue="no", traceback=list(traceback))


def cell(
    *outputs: NotebookNode, source: str = "work();", tags: tuple[str, ...] = (), count: int | None = 1
) -> Any:
    return new_code_cell(
        source, outputs=list(outputs), metadata={"tags": list(tags)} if tags else {}, execution_count=count
    )


def failures(*cells: NotebookNode, complete: bool = True) -> list[tuple[str, int | None, int | None]]:
    found = examine(new_notebook(cells=list(cells)), complete=complete).failures
    return [(failure.kind, failure.cell, failure.line) for failure in found]


def test_a_notebook_with_a_passed_check_and_a_described_figure_passes():
    evidence = examine(new_notebook(cells=[cell(figure(ALTERNATIVE)), cell(check())]))
    assert evidence.failures == []
    assert evidence.figures == [{"id": "loss", "alt": ALTERNATIVE, "cell": 1}]
    assert [(item["id"], item["value"], item["cell"]) for item in evidence.checks] == [("LI-1", 1.0, 2)]


def test_a_notebook_without_a_check_fails():
    assert failures(cell()) == [("no check", None, None)]


def test_cells_are_numbered_as_jupyter_numbers_them():
    cells = [cell(source="  \n", count=None), cell(), cell(check(3.0, passed=False))]
    assert failures(*cells) == [("check", 2, None)]


@pytest.mark.parametrize(
    ("value", "interval", "said", "passed"),
    [
        (1.0, (0.5, 2.0), True, True),
        (0.5, (0.5, 2.0), True, True),
        (2.1, (0.5, 2.0), True, False),
        (0.4, (0.5, 2.0), True, False),
        (-5.0, (None, 2.0), True, True),
        (1e9, (0.5, None), True, True),
        (1.0, (0.5, 2.0), False, False),
        (None, (None, 2.0), True, False),
        ("NaN", (None, 2.0), True, False),
        (float("nan"), (None, 2.0), True, False),
        (float("inf"), (0.5, None), True, False),
    ],
)
def test_the_verdict_of_a_check_is_computed_from_value_and_interval(value, interval, said, passed):
    evidence = examine(new_notebook(cells=[cell(check(value, interval, said))]))
    assert [item["passed"] for item in evidence.checks] == [passed]
    assert [failure.kind for failure in evidence.failures] == ([] if passed else ["check"])


def test_a_failed_check_is_placed_where_its_name_is_written():
    source = "const x = 3;\ncheck('LI-1', { value: x });"
    assert failures(cell(check(3.0), source=source)) == [("check", 1, 2)]


def test_a_figure_needs_a_text_alternative_of_some_length():
    assert failures(cell(figure("a plot"), check(), source="show(\n  plot('loss'))")) == [("figure", 1, 2)]


def test_a_line_on_stderr_fails_unless_the_cell_is_tagged_for_it():
    source = "let x = 1;\nconsole.warn('careful');"
    assert failures(cell(stderr("careful\n"), check(), source=source)) == [("stderr", 1, 2)]
    assert failures(cell(stderr("careful\n"), check(), tags=("allow-stderr",))) == []


def test_an_error_is_placed_by_the_first_frame_in_a_cell_of_its_traceback():
    trace = [
        "\x1b[31mError\x1b[0m: no",
        "at train (lib/src/training/train.ts:10:3)",
        "at In[1]:4:7",
        "at In[2]:1:1",
    ]
    assert failures(cell(), cell(error(*trace), count=2)) == [("error", 1, 4)]


def test_an_error_names_its_causes():
    evidence = examine(
        new_notebook(cells=[cell(error("Error: no", "", "Caused by:", "TypeError: why", "  at x"))])
    )
    assert [failure.message for failure in evidence.failures] == ["Error: no ← TypeError: why"]


def test_an_error_that_belongs_to_the_lesson_passes():
    assert failures(cell(error("Error: no", "at In[1]:1:1"), tags=("raises-exception",)), cell(check())) == []


def test_what_follows_from_an_early_stop_is_not_reported_again():
    assert failures(cell(error("at In[1]:1:1")), cell(count=None), cell(count=None)) == [("error", 1, 1)]
    assert failures(cell(count=None), cell(count=None)) == [("not executed", 1, None)]
    assert failures(cell(count=None), complete=False) == []


NUMBERS = json.loads((REPORTS / "schemas" / "numbers.json").read_text("utf8"))["cases"]


@pytest.mark.parametrize("case", NUMBERS, ids=[f"{case['value']} in {case['interval']}" for case in NUMBERS])
def test_numbers_are_written_as_in_jupyterlab(case):
    assert measured(case["value"], case["interval"]) == (case["shown"], case["accepted"])


def test_a_value_that_nobody_knows_is_no_number():
    assert measured(None, (None, 2)) == ("NaN", "≤ 2")
