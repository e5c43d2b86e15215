"""Runs the fixture notebooks in the real kernel: what fails a run, and how the message points at the line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPORTS

from schema import problem

FIXTURES = Path(__file__).resolve().parent / "fixtures"


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    reports = tmp_path_factory.mktemp("reports")
    folders = ["--notebooks", str(FIXTURES), "--reports", str(reports)]
    command = [
        sys.executable,
        str(REPORTS / "run_notebooks.py"),
        *folders,
        "--cell-timeout",
        "10",
        "--solutions",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    command = [sys.executable, str(REPORTS / "build_reports.py"), *folders]
    subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done, reports


@pytest.fixture
def output(ran) -> str:
    return ran[0].stdout


def result(ran, name: str) -> dict:
    return json.loads((ran[1] / "results" / f"{name}.json").read_text())


def test_failing_notebooks_do_not_stop_the_others_and_set_the_exit_code(ran):
    assert ran[0].returncode == 1, ran[0].stderr
    statuses = {path.stem: json.loads(path.read_text())["status"] for path in (ran[1] / "results").iterdir()}
    assert statuses.pop("01-sample") == "passed", ran[0].stdout
    assert set(statuses.values()) == {"failed"}
    assert len(statuses) == len(list(FIXTURES.glob("*.ipynb"))) - 1


def test_a_healthy_run_leaves_its_checks_and_figures(ran):
    healthy = result(ran, "01-sample")
    assert [item["id"] for item in healthy["figures"]] == ["fall", "histogram"]
    assert [(item["id"], item["passed"]) for item in healthy["checks"]] == [("FB-1", True), ("FB-2", True)]
    assert healthy["checks"][0]["value"] == pytest.approx(1 / 3, abs=1e-5)
    assert healthy["environment"]["node"].startswith("v")


def test_solutions_run_but_do_not_appear_in_the_executed_copy(ran):
    executed = json.loads((ran[1] / "executed" / "08-wrong-solution.ipynb").read_text())
    assert [cell["id"] for cell in executed["cells"]] == ["title", "measure", "exercise"]


@pytest.mark.parametrize(
    ("place", "message", "frame"),
    [
        (
            "02-type-error.ipynb cell 2 line 3",
            "Type 'string' is not assignable to type 'number'",
            "const label",
        ),
        ("03-thrown-error.ipynb cell 1 line 2", "cannot invert 0", "throw new RangeError"),
        ("08-wrong-solution.ipynb cell 2 line 4", "no solution /", "throw new RangeError"),
        ("04-floating-rejection.ipynb cell 2 line 3", "nobody waited for me", "throw new Error"),
        ("05-silent-failures.ipynb cell 3 line 2", "wrote to stderr: something smells", None),
        ("05-silent-failures.ipynb cell 4 line 1", 'the figure "nameless" has no text alternative', None),
        (
            "05-silent-failures.ipynb cell 5 line 2",
            "check X-1 failed: a half is at least one: measured 0.5",
            None,
        ),
        ("06-endless.ipynb cell 2", "ran longer than 10 s", None),
        ("07-dead-kernel.ipynb cell 2", "the kernel process died", None),
        ("04-floating-rejection.ipynb", "the notebook checks nothing", None),
        ("09-odd-outputs.ipynb cell 4", "a check is malformed: 'claim' is a required property", None),
    ],
)
def test_a_failure_names_notebook_cell_and_line(output, place, message, frame):
    heads = [line for line in output.splitlines() if f"{place}: " in line]
    assert any(message in line for line in heads), output
    if frame:
        assert any(line.lstrip().startswith("→") and frame in line for line in output.splitlines()), output


def test_of_odd_outputs_as_much_is_kept_as_a_page_can_hold(ran):
    executed = json.loads((ran[1] / "executed" / "09-odd-outputs.ipynb").read_text())
    cells = {cell["id"]: cell.get("outputs", []) for cell in executed["cells"]}

    def text(name: str) -> str:
        return "".join(cells[name][0]["text"])

    assert text("half-emoji") == "half an emoji: \ufffd\n"
    assert text("one-line").endswith("x … 8 MB of this line cut\n")
    lines = text("many-lines").splitlines()
    assert (lines[0], lines[-1]) == ("line 0", "line 99999")
    assert sum(line.startswith("…") and line.endswith(" cut …") for line in lines) == 1
    assert len(cells["many-displays"]) == 2001
    assert "".join(cells["many-displays"][-1]["text"]) == "… 1000 more outputs of this cell cut\n"


def test_cells_after_an_error_do_not_run(ran, output):
    assert "not reached" not in output
    executed = json.loads((ran[1] / "executed" / "02-type-error.ipynb").read_text())
    assert [cell["execution_count"] for cell in executed["cells"] if cell["cell_type"] == "code"] == [
        1,
        2,
        None,
    ]


def test_executed_copies_end_where_the_sources_end(ran):
    for source in FIXTURES.glob("*.ipynb"):
        original = json.loads(source.read_text())["cells"]
        executed = json.loads((ran[1] / "executed" / source.name).read_text())["cells"]
        assert [cell["id"] for cell in executed] == [cell["id"] for cell in original]


def test_live_progress_is_printed_every_few_seconds(output):
    assert any(line.startswith("06-endless  cell 2/2  ") for line in output.splitlines())


def test_the_summary_holds_every_notebook_and_the_environment(ran):
    summary = json.loads((ran[1] / "summary.json").read_text())
    assert [entry["name"] for entry in summary["notebooks"]] == sorted(
        path.stem for path in FIXTURES.glob("*.ipynb")
    )
    failed = next(entry for entry in summary["notebooks"] if entry["name"] == "05-silent-failures")
    assert [item["passed"] for item in failed["checks"]] == [False]
    assert problem("summary", summary) is None
    assert {"tensorflow", "tensorflowJs", "device", "processor", "node"} <= set(summary["environment"])
    version = summary["environment"]["tensorflowJs"]
    page = (ran[1] / "01-sample.html").read_text()
    assert f"<dt>TensorFlow.js</dt><dd>{version}</dd>" in page


def test_reports_are_left_whole(ran):
    pages = [path for path in ran[1].iterdir() if path.suffix == ".html"]
    assert len(pages) == len(list(FIXTURES.glob("*.ipynb"))) + 1
    assert all(page.read_text().rstrip().endswith("</html>") for page in pages)
    assert not list(ran[1].rglob("*.partial"))


def test_an_unknown_prefix_is_answered_with_what_there_is():
    command = [sys.executable, str(REPORTS / "run_notebooks.py"), "99", "--notebooks", str(FIXTURES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert 'no notebook starts with "99"; there are: 01-sample' in done.stderr
