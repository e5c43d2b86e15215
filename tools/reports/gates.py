"""What an executed notebook has shown (checks, figures), and everything that makes its run a failure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from notebooks import CHECK, FIGURE, code_cells, plain, tags
from outputs import tidy
from words import measured

SHORTEST_ALTERNATIVE = 20
_FRAME = re.compile(r"In\[(\d+)\]:(\d+)(?::\d+)?")
_WRITES_STDERR = re.compile(r"console\s*\.\s*(?:error|warn|trace|assert)|process\s*\.\s*stderr")


@dataclass
class Failure:
    """One reason why a run failed. `cell` is the n of In[n], `line` counts from 1 inside the cell."""

    kind: str
    message: str
    cell: int | None = None
    line: int | None = None
    details: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        if self.cell is None:
            return ""
        return f"cell {self.cell}" + (f" line {self.line}" if self.line else "")


@dataclass
class Evidence:
    """What the outputs of a notebook contain, ready for JSON."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def error_failure(cell: int | None, name: str, value: str, traceback: list[str]) -> Failure:
    """An error message of the kernel, placed where its traceback first points into a cell.

    A rejection that surfaces late is reported while a later cell runs; its traceback names the cell that caused it.
    """
    text = plain("\n".join(traceback))
    frame = _FRAME.search(text)
    line = None
    if frame:
        cell, line = int(frame.group(1)), int(frame.group(2))
    causes = re.findall(r"^Caused by:\s*(.+)$", text, re.MULTILINE)
    return Failure("error", " ← ".join([f"{name}: {value}", *causes]), cell, line, traceback)


def examine(notebook: NotebookNode, *, complete: bool = True) -> Evidence:
    """Collects checks and figures and applies every gate to the outputs of an executed notebook, which it puts in order.

    `complete` is false when the run stopped early for a reason that the caller reports itself (dead kernel,
    timeout): cells that did not run and missing checks then follow from that reason and are not repeated.
    """
    evidence = Evidence(failures=[Failure(kind, message, cell) for kind, message, cell in tidy(notebook)])
    stopped = False
    for number, cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                evidence.failures.append(error_failure(number, output.ename, output.evalue, output.traceback))
                stopped = True
            elif output.output_type == "stream" and output.name == "stderr":
                if "allow-stderr" not in tags(cell):
                    evidence.failures.append(_stderr_failure(number, cell, output.text))
            elif output.output_type in ("display_data", "execute_result"):
                if FIGURE in output.data:
                    _examine_figure(evidence, number, cell, output)
                if CHECK in output.data:
                    _examine_check(evidence, number, cell, output.data[CHECK])
        if cell.execution_count is None and complete and not stopped:
            evidence.failures.append(Failure("not executed", "the cell was not executed", number))
            stopped = True
    if complete and not stopped and not evidence.checks:
        message = (
            "the notebook checks nothing: end it with check(…) cells that compare its results with its claims"
        )
        evidence.failures.append(Failure("no check", message))
    return evidence


def _line_with(cell: NotebookNode, pattern: re.Pattern[str]) -> int | None:
    """The line that matches, when exactly one does."""
    lines = [number for number, line in enumerate(cell.source.splitlines(), 1) if pattern.search(line)]
    return lines[0] if len(lines) == 1 else None


def _line_naming(cell: NotebookNode, identifier: str) -> int | None:
    return _line_with(cell, re.compile(r"""['"`]""" + re.escape(identifier) + r"""['"`]"""))


def _stderr_failure(number: int, cell: NotebookNode, text: str) -> Failure:
    lines = text.rstrip("\n").split("\n")
    shown = lines[:10] + ([f"… and {len(lines) - 10} more lines"] if len(lines) > 10 else [])
    message = f'wrote to stderr: {plain(lines[0])} (tag the cell "allow-stderr" if it is meant to)'
    return Failure("stderr", message, number, _line_with(cell, _WRITES_STDERR), shown)


def _examine_figure(evidence: Evidence, number: int, cell: NotebookNode, output: NotebookNode) -> None:
    identifier = output.metadata.get("liandan", {}).get("figure") or f"figure-{len(evidence.figures) + 1}"
    alternative = output.metadata.get("liandan", {}).get("alt") or output.data.get("text/plain", "")
    evidence.figures.append({"id": identifier, "alt": alternative, "cell": number})
    if len(alternative.strip()) < SHORTEST_ALTERNATIVE:
        message = (
            f'the figure "{identifier}" has no text alternative of at least {SHORTEST_ALTERNATIVE} characters'
            f" (given: {alternative.strip()!r}); say in `alt` what the plot shows"
        )
        evidence.failures.append(Failure("figure", message, number, _line_naming(cell, identifier)))


def _examine_check(evidence: Evidence, number: int, cell: NotebookNode, check: dict[str, Any]) -> None:
    value, (low, high) = check["value"], check["interval"]
    inside = (
        isinstance(value, (int, float))
        and math.isfinite(value)
        and (low is None or value >= low)
        and (high is None or value <= high)
    )
    # The verdict is computed here again: a report must not depend on the notebook's word for it.
    passed = bool(check["passed"]) and inside
    evidence.checks.append({**check, "passed": passed, "cell": number})
    if not passed:
        shown, accepted = measured(value, check["interval"])
        message = f"check {check['id']} failed: {check['claim']}: measured {shown}, accepted {accepted} ({check['source']})"
        evidence.failures.append(Failure("check", message, number, _line_naming(cell, check["id"])))
