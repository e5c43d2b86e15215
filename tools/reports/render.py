"""An executed notebook as one HTML page that needs nothing else: a report to read, or slides to show."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from notebooks import APPENDIX, CHECK, FIGURE, ROOT, UsageError, code_cells, has_language, in_language, title
from outputs import tidy
from sanitize import remote_references, sanitized
from words import WORDS, measured

TEMPLATES = Path(__file__).resolve().parent / "templates"
SHORTEST_SHOWN_SECONDS = 0.5
# What a slide of 1280 × 800 holds, in lines of text.
SLIDE_LINES = 19

# To embed images nbconvert parses every piece of raw HTML by itself, which closes a <details> before its content.
_embed_images = IPythonRenderer._html_embed_images
IPythonRenderer._html_embed_images = lambda renderer, html: (
    _embed_images(renderer, html) if "<img" in html else html
)


def _image_of_repository(_: IPythonRenderer, source: str) -> str | None:
    """The content of an image file as an address; None for anything that is not one.

    Raises UsageError for a file outside of the repository: a report is passed on, and must not carry other files along.
    """
    kind, _encoding = mimetypes.guess_type(source)
    if re.match(r"[a-z+.-]+:", source, re.IGNORECASE) and not source.lower().startswith("file:"):
        return None
    path = (ROOT / "notebooks" / unquote(re.sub(r"^file:(//)?", "", source, flags=re.IGNORECASE))).resolve()
    if not path.is_relative_to(ROOT):
        raise UsageError(f"the image {source} lies outside of the repository; put it into notebooks/")
    if not path.is_file() or not (kind or "").startswith("image/"):
        return None
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


IPythonRenderer._src_to_base64 = _image_of_repository


def render(executed: NotebookNode, result: dict[str, Any], language: str = "en", slides: bool = False) -> str:
    """The page, in the cells of one language.

    Raises UsageError when the notebook has no cell in the language, or when the page would load something remote.
    """
    name = result["name"]
    if language != "en" and not has_language(executed, language):
        raise UsageError(
            f'{result["file"]} has no cell tagged "lang:{language}"; only its English report can be built'
        )
    notebook = copy.deepcopy(executed)
    notebook.cells = in_language(notebook, language)
    tidy(notebook)
    _annotate(notebook)
    if slides:
        _arrange(notebook)
    scripts = {
        **({"plotly": script("plotly.js/plotly-cartesian.min.js")} if slides or result["figures"] else {}),
        "mathjax_settings": template("mathjax.js"),
        "mathjax": script("mathjax/es5/tex-svg-full.js"),
        **({"reveal": _reveal()} if slides else {}),
        "figures": template("figures.js"),
        **({} if slides else {"column": template("column.js")}),
        "script": template("slides.js" if slides else "report.js"),
    }
    resources = {
        "metadata": {"name": name},
        "liandan": {
            "result": result,
            "title": title(notebook, language, result["title"]),
            "words": WORDS[language],
            "verdict": verdict,
            "has_appendix": _shows(notebook, APPENDIX),
            "environment": environment_facts(result["environment"], language),
            "style": Markup(style("cells.css", "slides.css" if slides else "report.css")),
            "reveal_style": Markup(_reveal_style() if slides else ""),
            "scripts": [Markup(text) for text in scripts.values()],
            "policy": security_policy(scripts.values()),
            "licences": Markup(licences("reveal.js") if slides else licences()),
        },
    }
    remote: list[str] = []

    def safe(html: str) -> Markup:
        """What stands in the page of HTML that the notebook wrote; notes what it would have loaded."""
        remote.extend(remote_references(html))
        return sanitized(html)

    exporter = HTMLExporter(config=_configuration(language, slides))
    # Whatever is not said to be HTML is text. nbconvert's own templates are not used beyond their order of blocks.
    exporter.environment.autoescape = True
    exporter.register_filter("safe_html", safe)
    body, _ = exporter.from_notebook_node(notebook, resources)
    page = _with_contents(body, WORDS[language]["contents"])
    if remote:
        raise UsageError(
            f"{result['file']}: a report must work without a network, but it would load {', '.join(sorted(set(remote)))}"
        )
    return page


def security_policy(scripts: Iterable[str]) -> str:
    """What a browser may do for a page of ours: run these scripts, show what the page itself holds, and nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    own = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {own}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def licences(*packages: str) -> str:
    """The licences of the scripts that a page contains, as they ask for."""
    texts = []
    for package in ("plotly.js", "mathjax", *packages):
        folder = ROOT / "node_modules" / package
        version = json.loads((folder / "package.json").read_text("utf8"))["version"]
        texts.append(f"{package} {version}\n\n{(folder / 'LICENSE').read_text('utf8').strip()}\n")
    return "\n".join(texts).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _configuration(language: str, slides: bool) -> Config:
    settings = Config()
    settings.NbConvertBase.display_data_priority = [
        FIGURE, CHECK, APPENDIX, 'text/html', 'text/markdown', 'image/svg+xml', 'text/latex', 'image/png', 'image/jpeg', 'text/plain',
    ]  # fmt: skip
    settings.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    settings.TemplateExporter.template_name = "liandan-slides" if slides else "liandan"
    settings.HTMLExporter.language_code = language
    settings.HTMLExporter.embed_images = True
    return settings


def _annotate(notebook: NotebookNode) -> None:
    """Numbers the figures and notes how long each cell took."""
    figures = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.unfolded = True
        cell.metadata.seconds = _seconds(cell)
        for output in cell.outputs:
            if FIGURE in output.get("data", {}):
                figures += 1
                output.metadata.setdefault("liandan", NotebookNode())["number"] = figures


def _shows(notebook: NotebookNode, kind: str) -> bool:
    """Whether a cell shows an output of this MIME type."""
    outputs = (output for _, cell in code_cells(notebook) for output in cell.outputs)
    return any(kind in output.get("data", {}) for output in outputs)


def _seconds(cell: NotebookNode) -> str | None:
    times = cell.metadata.get("execution", {})
    if not isinstance(times, dict):
        return None
    begin, end = times.get("iopub.status.busy"), times.get("shell.execute_reply")
    if not begin or not end:
        return None
    try:
        begin, end = (datetime.fromisoformat(str(time).replace("Z", "+00:00")) for time in (begin, end))
        seconds = (end - begin).total_seconds()
    except (TypeError, ValueError):
        return None
    return f"{seconds:.1f}" if seconds >= SHORTEST_SHOWN_SECONDS else None


def verdict(check: dict[str, Any]) -> dict[str, Any]:
    """A check in words; `line` is the verdict of one that passed, in which an equal value is written once."""
    value, interval = measured(check["value"], check["interval"])
    line = interval if interval == f"= {value}" else f"{value} {interval.replace('[', '∈ [')}"
    return {"value": value, "interval": interval, "line": line, "passed": check["passed"]}


def environment_facts(environment: dict[str, Any], language: str = "en") -> list[tuple[str, str]]:
    """The environment as pairs of a name and a value, those that are known."""
    words = WORDS[language]
    names = {
        "tensorflow": "TensorFlow",
        "tensorflowJs": "TensorFlow.js",
        "device": words["device"],
        "processor": words["CPU"],
        "cores": words["cores"],
        "os": words["OS"],
        "node": "Node.js",
        "commit": words["commit"],
    }
    return [(label, str(environment[key])) for key, label in names.items() if environment.get(key)]


def _arrange(notebook: NotebookNode) -> None:
    """Gives each cell its place in the slides.

    A notebook that says nothing about slides gets one per section (across), and below it as many as its cells fill.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = {kind for output in cell.outputs for kind in output.get("data", {})}
            cell.metadata.unfolded = not shown.intersection({FIGURE, CHECK})
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells]
    if set(kinds) == {"-"}:
        kinds = _paginate(notebook)
    shown = [(cell, kind) for cell, kind in zip(notebook.cells, kinds) if kind != "skip"]
    notebook.cells = [cell for cell, _ in shown]
    for index, (cell, kind) in enumerate(shown):
        following = shown[index + 1][1] if index + 1 < len(shown) else "slide"
        first = index == 0
        cell.metadata.open = [Markup("<section>")] * (2 if first or kind == "slide" else kind == "subslide")
        cell.metadata.close = [Markup("</section>")] * (
            2 if following == "slide" else following == "subslide"
        )
        if kind == "fragment":
            cell.metadata.open.append(Markup('<div class="fragment">'))
            cell.metadata.close.insert(0, Markup("</div>"))
        elif kind == "notes":
            cell.metadata.open.append(Markup('<aside class="notes">'))
            cell.metadata.close.insert(0, Markup("</aside>"))


def _paginate(notebook: NotebookNode) -> list[str]:
    kinds, used = [], 0.0
    for cell in notebook.cells:
        need = _lines(cell)
        if cell.cell_type == "markdown" and re.match(r"##?\s", cell.source):
            kind, used = "slide", need
        elif used + need > SLIDE_LINES:
            kind, used = "subslide", need
        else:
            kind, used = "-", used + need
        kinds.append(kind)
    return kinds


def _lines(cell: NotebookNode) -> float:
    lines = cell.source.splitlines()
    if cell.cell_type != "code":
        return sum(3 if line.strip() == "$$" else 1 + len(line) / 95 for line in lines if line.strip())
    need = 1.5 + (0.65 * len(lines) if cell.metadata.unfolded else 0)
    for output in cell.outputs:
        data = output.get("data", {})
        if FIGURE in data:
            need += 14
        elif CHECK in data:
            need += 1.5 if data[CHECK]["passed"] else 3
        elif APPENDIX in data:
            need += 1.5
        else:
            text = output.get("text") or data.get("text/plain", "")
            need += min(12, 1 + data.get("text/html", text).count("<tr" if "text/html" in data else "\n"))
    return need


def _with_contents(page: str, heading: str) -> str:
    """Fills the table of contents from the headings of the page."""
    if "<!-- contents -->" not in page:
        return page
    items = []
    for found in re.finditer(r'<h([23])[^>]*\bid="([^"]+)"[^>]*>(.*?)</h\1>', page, re.DOTALL):
        text = re.sub(r'<a class="anchor-link".*?</a>', "", found.group(3), flags=re.DOTALL).strip()
        items.append(f'<li class="level-{found.group(1)}"><a href="#{found.group(2)}">{text}</a></li>')
    contents = f"<details><summary>{heading}</summary><ol>{''.join(items)}</ol></details>"
    return page.replace("<!-- contents -->", contents, 1)


def template(name: str) -> str:
    return (TEMPLATES / "liandan" / name).read_text("utf8")


def style(*names: str) -> str:
    return "\n".join([*map(template, names), HtmlFormatter(style="friendly").get_style_defs(".highlight")])


@cache
def script(path: str) -> str:
    """A file of an npm package, safe inside a script element."""
    try:
        return (ROOT / "node_modules" / path).read_text("utf8").replace("</script", "<\\/script")
    except FileNotFoundError as error:
        raise UsageError(f"node_modules/{path} is missing; `npm ci --ignore-scripts` installs it") from error


def _reveal_style() -> str:
    # The theme imports a font file from beside itself; slides use the fonts of the system.
    theme = re.sub(r"@import url\([^)]*\);", "", script("reveal.js/dist/theme/white.css"))
    return script("reveal.js/dist/reset.css") + script("reveal.js/dist/reveal.css") + theme


def _reveal() -> str:
    return script("reveal.js/dist/reveal.js") + "\n" + script("reveal.js/plugin/notes/notes.js")
