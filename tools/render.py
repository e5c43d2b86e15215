"""An executed notebook as one HTML page that needs nothing else: a report to read, or slides to show."""

from __future__ import annotations

import copy
import re
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from notebooks import CHECK, FIGURE, ROOT, UsageError, has_language, in_language, title
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
    _annotate(notebook)
    if slides:
        _arrange(notebook)
    resources = {
        "metadata": {"name": name},
        "liandan": {
            "result": result,
            "title": title(notebook, language, result["title"]),
            "words": WORDS[language],
            "verdict": verdict,
            "environment": environment_facts(result["environment"], language),
            "style": style("cells.css", "slides.css" if slides else "report.css"),
            "script": template("slides.js" if slides else "report.js"),
            "figures": template("figures.js"),
            "plotly": script("plotly.js/plotly-cartesian.min.js"),
            "mathjax": script("mathjax/es5/tex-svg-full.js"),
            "mathjax_settings": template("mathjax.js"),
            **(_reveal() if slides else {}),
        },
    }
    body, _ = HTMLExporter(config=_configuration(language, slides)).from_notebook_node(notebook, resources)
    page = _with_contents(body, WORDS[language]["contents"])
    remote = remote_references(page)
    if remote:
        raise UsageError(
            f"{result['file']}: a report must work without a network, but it would load {', '.join(remote)}"
        )
    return page


def _configuration(language: str, slides: bool) -> Config:
    settings = Config()
    settings.NbConvertBase.display_data_priority = [
        FIGURE, CHECK, 'text/html', 'text/markdown', 'image/svg+xml', 'text/latex', 'image/png', 'image/jpeg', 'text/plain',
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


def _seconds(cell: NotebookNode) -> str | None:
    times = cell.metadata.get("execution", {})
    begin, end = times.get("iopub.status.busy"), times.get("shell.execute_reply")
    if not begin or not end:
        return None
    begin, end = (datetime.fromisoformat(time.replace("Z", "+00:00")) for time in (begin, end))
    seconds = (end - begin).total_seconds()
    return f"{seconds:.1f}" if seconds >= SHORTEST_SHOWN_SECONDS else None


def verdict(check: dict[str, Any]) -> dict[str, Any]:
    value, interval = measured(check["value"], check["interval"])
    return {"value": value, "interval": interval, "passed": check["passed"]}


def environment_facts(environment: dict[str, Any], language: str = "en") -> list[tuple[str, str]]:
    """The environment as pairs of a name and a value, those that are known."""
    words = WORDS[language]
    names = {
        "tensorflow": "TensorFlow",
        "tfjs": "TensorFlow.js",
        "device": words["device"],
        "cpu": words["CPU"],
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
        cell.metadata.open = ["<section>"] * (2 if first or kind == "slide" else kind == "subslide")
        cell.metadata.close = ["</section>"] * (2 if following == "slide" else following == "subslide")
        if kind == "fragment":
            cell.metadata.open.append('<div class="fragment">')
            cell.metadata.close.insert(0, "</div>")
        elif kind == "notes":
            cell.metadata.open.append('<aside class="notes">')
            cell.metadata.close.insert(0, "</aside>")


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
            need += 3
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


class _References(HTMLParser):
    """Collects what a browser would fetch for a page. A link that the reader may follow is not fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        for name, value in attrs:
            if value and (name in ("src", "srcset", "poster", "data") or (name == "href" and tag != "a")):
                self.found += (
                    re.findall(r"(?:https?:)?//[^\s,]+", value) if not value.startswith("data:") else []
                )
            elif value and name == "style":
                self._styled(value)

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self._styled(data)

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def _styled(self, text: str) -> None:
        self.found += re.findall(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")\s]+)""", text)


def remote_references(page: str) -> list[str]:
    """The remote addresses that a page would load by itself, which a report must not have."""
    parser = _References()
    parser.feed(page)
    return sorted(set(parser.found))


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


def _reveal() -> dict[str, str]:
    # The theme imports a font file from beside itself; slides use the fonts of the system.
    theme = re.sub(r"@import url\([^)]*\);", "", script("reveal.js/dist/theme/white.css"))
    return {
        "reveal_style": script("reveal.js/dist/reset.css") + script("reveal.js/dist/reveal.css") + theme,
        "reveal": script("reveal.js/dist/reveal.js") + "\n" + script("reveal.js/plugin/notes/notes.js"),
    }
