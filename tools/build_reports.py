"""Builds reports from what run_notebooks.py has left in reports/executed and reports/results.

Without arguments it builds all HTML reports, index.html and summary.json; `05 --to slides` builds one notebook as
slides, `05 --lang zh --to pdf` its Chinese version as PDF.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

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
    write_atomically,
    write_json,
)
from render import TEMPLATES, environment_facts, remote_references, render, script, style, template, verdict

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
    printer = ROOT / "tools" / "dist" / "print_pdf.js"
    done = subprocess.run(
        ["node", str(printer), str(page), str(target)], check=False, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise UsageError(done.stderr.strip() or f"{printer} ended with exit code {done.returncode}")


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


def build_index(results: list[dict[str, Any]], reports: Path) -> Path:
    """The page that leads to all reports."""
    pages = Environment(loader=FileSystemLoader([TEMPLATES, TEMPLATES / "liandan"]), autoescape=True)
    summary = summarize(results)
    page = pages.get_template("index/index.html.j2").render(
        about=ABOUT,
        summary=summary,
        facts=environment_facts(summary["environment"]),
        notebooks=[
            {**result, "links": _links(result, reports), "figure": _preview(result, reports)}
            for result in results
        ],
        verdict=verdict,
        style=style("cells.css") + (TEMPLATES / "index" / "index.css").read_text("utf8"),
        figures=template("figures.js"),
        script=(TEMPLATES / "index" / "index.js").read_text("utf8"),
        plotly=script("plotly.js/plotly-cartesian.min.js"),
        mathjax=script("mathjax/es5/tex-svg-full.js"),
        mathjax_settings=template("mathjax.js"),
    )
    remote = remote_references(page)
    if remote:
        raise UsageError(f"index.html would load {', '.join(remote)}")
    write_atomically(reports / "index.html", page)
    return reports / "index.html"


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
    reports = options.reports.resolve()
    try:
        everything = select([], options.notebooks.resolve())
        chosen = select(options.prefixes, options.notebooks.resolve())
        if options.lang != "en" and not options.prefixes:
            chosen = [path for path in chosen if has_language(read(path), options.lang)]
            if not chosen:
                raise UsageError(f'no notebook has cells tagged "lang:{options.lang}"')
        results = {path: result for path in everything if (result := last_result(path, reports))}
        missing = [path.stem for path in chosen if path not in results]
        if missing:
            raise UsageError(f"{', '.join(missing)} has not run yet: `npm start -- {missing[0][:2]}` runs it")
        for path in chosen:
            target = build(results[path], reports, options.lang, options.to)
            print(f"{target.relative_to(ROOT) if target.is_relative_to(ROOT) else target}", flush=True)
        write_json(reports / "summary.json", summarize(list(results.values())))
        index = build_index(list(results.values()), reports)
    except UsageError as error:
        return fail(error)
    if options.to == "html" and options.lang == "en":
        print_table([results[path] for path in chosen])
    print(f"Open {index}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
