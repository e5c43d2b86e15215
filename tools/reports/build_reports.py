"""Builds reports from what run_notebooks.py has left in reports/executed and reports/results.

Without arguments it builds all HTML reports, index.html and summary.json; `05 --to slides` builds one notebook as
slides, `05 --lang zh --to pdf` its Chinese version as PDF.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader

from gates import Failure
from notebooks import (
    FIGURE,
    LANGUAGES,
    NOTEBOOKS,
    REPORTS,
    ROOT,
    UsageError,
    code_cells,
    fail,
    has_language,
    last_result,
    read,
    select,
    title,
    write_atomically,
    write_json,
)
from render import (
    TEMPLATES,
    environment_facts,
    licences,
    render,
    script,
    security_policy,
    style,
    template,
    verdict,
)
from sanitize import remote_references

FORMATS = ("html", "slides", "pdf")
ABOUT = (
    "Eight articles of Su Jianlin’s blog about optimizers, initialization and variational inference, reproduced as"
    " TypeScript notebooks. Every number here was computed by TensorFlow when the notebooks last ran."
)


def output_path(reports: Path, name: str, language: str, kind: str) -> Path:
    suffix = "" if language == "en" else f".{language}"
    return reports / f"{name}{suffix}{'.slides.html' if kind == 'slides' else f'.{kind}'}"


def build(result: dict[str, Any], reports: Path, language: str, kind: str) -> Path:
    """One notebook in one format and language; gives the file."""
    target = output_path(reports, result["name"], language, kind)
    executed = read(reports / "executed" / result["file"])
    if kind == "pdf":
        page = output_path(reports, result["name"], language, "html")
        write_atomically(page, render(executed, result, language))
        _print(page, target)
    else:
        write_atomically(target, render(executed, result, language, slides=kind == "slides"))
    return target


def _print(page: Path, target: Path) -> None:
    printer = ROOT / "tools" / "dist" / "reports" / "print_pdf.js"
    done = subprocess.run(
        ["node", str(printer), str(page), str(target)], check=False, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise UsageError(done.stderr.strip() or f"{printer} ended with exit code {done.returncode}")


def build_safely(
    result: dict[str, Any], reports: Path, language: str, kind: str
) -> tuple[Path, dict[str, Any]]:
    """The same; where the run cannot be rendered, that is a failure of this notebook, and the page says so.

    Gives the file, and the result with that failure.
    """
    try:
        return build(result, reports, language, kind), result
    except Exception as error:
        if kind == "pdf":
            raise
        message = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        failure = Failure("report", f"the report could not be built: {message[:500]}")
    failed = {**result, "status": "failed", "failures": [*result["failures"], asdict(failure)]}
    write_json(reports / "results" / f"{result['name']}.json", failed)
    target = output_path(reports, result["name"], language, kind)
    heading = nbformat.v4.new_markdown_cell(f"# {result['name']}", metadata={"tags": [f"lang:{language}"]})
    empty = nbformat.v4.new_notebook(cells=[heading])
    write_atomically(target, render(empty, failed | {"figures": []}, language, slides=kind == "slides"))
    return target, failed


def summarize(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What summary.json holds: the environment of the latest run, and what each notebook showed."""
    latest = max((result["environment"] for result in results), key=lambda facts: facts["date"])
    keys = ("name", "title", "file", "status", "seconds", "cells", "checks", "figures", "failures")
    return {
        "environment": latest,
        "notebooks": [
            {key: result[key] for key in keys}
            | {"date": result["environment"]["date"], "profile": result["environment"]["profile"]}
            for result in results
        ],
    }


def _preview(result: dict[str, Any], reports: Path) -> dict[str, Any] | None:
    """The first figure of a run, without the scales of its colours."""
    for _, cell in code_cells(read(reports / "executed" / result["file"])):
        for output in cell.outputs:
            if FIGURE in output.get("data", {}):
                figure = output.data[FIGURE]
                scaleless = {"showscale": False}
                data = [
                    trace | scaleless if trace.get("type") in ("contour", "heatmap") else trace
                    for trace in figure["data"]
                ]
                return {**figure, "data": data}
    return None


def _links(result: dict[str, Any], reports: Path) -> list[tuple[str, str]]:
    """The other forms of a report that are as new as its run."""
    ran = (reports / "executed" / result["file"]).stat().st_mtime
    names = {"html": "report", "slides": "slides", "pdf": "PDF"}
    found = []
    for language in LANGUAGES:
        for kind in FORMATS:
            path = output_path(reports, result["name"], language, kind)
            if (language, kind) != ("en", "html") and path.exists() and path.stat().st_mtime >= ran:
                found.append((names[kind] if language == "en" else f"{names[kind]} (中文)", path.name))
    return found


def build_index(
    results: list[dict[str, Any]], reports: Path, under_way: Sequence[dict[str, str]] = ()
) -> Path:
    """The page that leads to all reports; `under_way` holds name, title and state of what runs or waits to run."""
    pages = Environment(loader=FileSystemLoader([TEMPLATES, TEMPLATES / "liandan"]), autoescape=True)
    environment = summarize(results)["environment"] if results else {}
    states = {entry["name"]: entry["state"] for entry in under_way}
    known = {result["name"] for result in results}
    scripts = [
        script("plotly.js/plotly-cartesian.min.js"),
        template("mathjax.js"),
        script("mathjax/es5/tex-svg-full.js"),
        template("figures.js"),
        (TEMPLATES / "index" / "index.js").read_text("utf8"),
    ]
    page = pages.get_template("index/index.html.j2").render(
        about=ABOUT,
        environment=environment,
        facts=environment_facts(environment),
        notebooks=[
            {
                **result,
                "links": _links(result, reports),
                "figure": _preview(result, reports),
                "state": states.get(result["name"]),
            }
            for result in results
        ],
        expected=[entry for entry in under_way if entry["name"] not in known],
        under_way=under_way,
        verdict=verdict,
        style=style("cells.css") + (TEMPLATES / "index" / "index.css").read_text("utf8"),
        scripts=scripts,
        policy=security_policy(scripts),
        licences=licences(),
    )
    remote = remote_references(page)
    if remote:
        raise UsageError(f"index.html would load {', '.join(remote)}")
    write_atomically(reports / "index.html", page)
    return reports / "index.html"


class Reports:
    """Reports that appear as results come in, and an index that shows what is still under way."""

    def __init__(self, options: argparse.Namespace, chosen: list[Path], waiting: Sequence[str] = ()) -> None:
        self.folder: Path = options.reports.resolve()
        self.language, self.kind = options.lang, options.to
        self.everything = select([], options.notebooks.resolve())
        self.chosen = chosen
        self.states = {name: "waiting" for name in waiting}

    def begin(self, name: str) -> None:
        self.states[name] = f"running since {datetime.now():%H:%M}"
        self._index()

    def add(self, result: dict[str, Any]) -> dict[str, Any]:
        """Builds the report of a result; gives the result, as failed where that was not possible."""
        target, result = build_safely(result, self.folder, self.language, self.kind)
        self.states.pop(result["name"], None)
        self._index()
        print(target.relative_to(ROOT) if target.is_relative_to(ROOT) else target, flush=True)
        return result

    def finish(self) -> None:
        """The last word: nothing runs any more."""
        self.states.clear()
        self._index()

    def _results(self, paths: Sequence[Path]) -> list[dict[str, Any]]:
        return [result for path in paths if (result := last_result(path, self.folder))]

    def _index(self) -> None:
        results = self._results(self.everything)
        under_way = [
            {"name": path.stem, "title": _title(path), "state": self.states[path.stem]}
            for path in self.everything
            if path.stem in self.states
        ]
        if results:
            write_json(self.folder / "summary.json", summarize(results))
        if results or under_way:
            build_index(results, self.folder, under_way)

    def print_outcome(self) -> None:
        if self.kind == "html" and self.language == "en":
            print_table(self._results(self.chosen))
        print(f"Open {self.folder / 'index.html'}")


def _title(path: Path) -> str:
    try:
        return title(read(path), "en", path.stem)
    except UsageError:
        return path.stem


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def print_table(results: list[dict[str, Any]]) -> None:
    rows = [("notebook", "status", "seconds", "checks passed", "checks failed")]
    for result in results:
        passed = sum(check["passed"] for check in result["checks"])
        counts = (str(passed), str(len(result["checks"]) - passed))
        rows.append((result["name"], result["status"], f"{result['seconds']:.1f}", *counts))
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        first = row[0] + " " * (widths[0] - _width(row[0]))
        print(
            "  ".join(
                [
                    first,
                    row[1].ljust(widths[1]),
                    *(text.rjust(width) for text, width in zip(row[2:], widths[2:])),
                ]
            )
        )
    print()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Builds reports from executed notebooks.")
    parser.add_argument(
        "prefixes", nargs="*", metavar="NN", help="beginning of a name, such as 05 (default: all)"
    )
    parser.add_argument("--to", choices=FORMATS, default="html", help="format (default: %(default)s)")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language (default: %(default)s)")
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="FOLDER", help="where the notebooks are"
    )
    parser.add_argument(
        "--reports", type=Path, default=REPORTS, metavar="FOLDER", help="where to read and write"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = select(options.prefixes, options.notebooks.resolve())
        reports = Reports(options, chosen)
        if options.lang != "en" and not options.prefixes:
            chosen = [path for path in chosen if has_language(read(path), options.lang)]
            if not chosen:
                raise UsageError(f'no notebook has cells tagged "lang:{options.lang}"')
        results = {path: last_result(path, reports.folder) for path in chosen}
        missing = [path.stem for path, result in results.items() if result is None]
        if missing:
            raise UsageError(f"{', '.join(missing)} has not run yet: `npm start -- {missing[0][:2]}` runs it")
        for result in results.values():
            reports.add(result or {})
    except UsageError as error:
        return fail(error)
    reports.print_outcome()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
