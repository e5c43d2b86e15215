"""Pages from notebooks made by hand."""

import base64
import os
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import (
    APPENDIX,
    CHECK,
    FIGURE,
    NOTEBOOKS,
    ROOT,
    UsageError,
    in_language,
    select,
    title,
    write_atomically,
)
from render import render, verdict
from sanitize import remote_references, sanitized

RESULT = {
    "name": "09-sample",
    "file": "09-sample.ipynb",
    "title": "A sample",
    "status": "passed",
    "seconds": 1.5,
    "cells": 2,
    "checks": [],
    "figures": [],
    "failures": [],
    "inputs": "0",
    "solutions": False,
    "environment": {
        "date": "2026-01-02T03:04:05+00:00",
        "commit": None,
        "os": "An OS",
        "profile": "lesson",
        "tensorflow": "2.21.0",
        "device": "CPU",
    },
}


def in_chinese(text: str):
    return new_markdown_cell(text, metadata={"tags": ["lang:zh"]})


def in_english(text: str):
    return new_markdown_cell(text, metadata={"tags": ["lang:en"]})


@pytest.fixture
def notebook():
    code = new_code_cell("const x: number = 1 < 2 ? 1 : 0;", execution_count=1)
    figure = {"data": [{"name": "</script><b>"}], "layout": {}}
    bundle = {FIGURE: figure, "text/plain": "Line plot <of> nothing in particular."}
    plot = new_code_cell("plot()", execution_count=2, outputs=[new_output("display_data", bundle)])
    cells = [in_english("# A sample"), in_chinese("# 样本"), new_markdown_cell("## Part $x^2$"), code, plot]
    return new_notebook(
        cells=cells, metadata={"language_info": {"name": "typescript", "pygments_lexer": "typescript"}}
    )


def test_a_report_has_its_language_title_contents_and_highlighted_code(notebook):
    page = render(notebook, RESULT)
    assert '<html lang="en">' in page
    assert "<title>A sample</title>" in page
    assert "样本" not in page
    assert '<li class="level-2"><a href="#Part-$x%5E2$">Part $x^2$</a></li>' in page
    assert '<span class="kd">const</span>' in page
    assert "1 of 0" not in page


def test_a_folded_solution_keeps_its_content(notebook):
    notebook.cells.append(
        new_markdown_cell("<details><summary>Solution</summary>\n\nIt *is* 42.\n\n</details>")
    )
    page = render(notebook, RESULT)
    folded = page[page.index("<details><summary>Solution") :]
    assert "<em>is</em>" in folded[: folded.index("</details>")]


def test_a_figure_carries_its_text_alternative_and_cannot_break_out_of_its_script(notebook):
    page = render(notebook, RESULT)
    assert "Line plot &lt;of&gt; nothing in particular." in page
    assert "</script><b>" not in page
    assert '"\\u003c/script>\\u003cb>"' in page


def test_a_chinese_report_has_the_chinese_cells_and_words(notebook):
    page = render(notebook, RESULT, "zh")
    assert '<html lang="zh">' in page
    assert "<title>样本</title>" in page
    assert "本次运行的检验" in page
    assert "A sample</h1>" not in page


def test_a_language_that_a_notebook_does_not_have_is_refused(notebook):
    notebook.cells = in_language(notebook, "en")
    with pytest.raises(UsageError, match='no cell tagged "lang:zh"'):
        render(notebook, RESULT, "zh")


def test_slides_start_at_headings_and_nest(notebook):
    page = render(notebook, RESULT, slides=True)
    assert page.count("<section>") == page.count("</section>")
    # One section across for each of the two headings; the figure goes on with the cells before it.
    assert page.count("<section><section>") == 2


def test_slides_follow_the_notebook_where_it_says_so(notebook):
    kinds = ["slide", "skip", "subslide", "fragment", "notes"]
    for cell, kind in zip(notebook.cells, kinds, strict=True):
        cell.metadata["slideshow"] = {"slide_type": kind}
    page = render(notebook, RESULT, slides=True)
    assert page.count("<section>") == 3
    assert page.count('<div class="fragment">') == 1
    assert page.count('<aside class="notes">') == 1


@pytest.mark.parametrize(
    "markup",
    [
        "![a picture](https://example.org/a.png)",
        '<iframe src="https://example.org"></iframe>',
        '<link rel="stylesheet" href="//example.org/a.css">',
        '<p style="background: url(https://example.org/a.png)">x</p>',
        '<style>@import "https://example.org/a.css";</style>',
        "<style>p { background: u\\72l(https://example.org/a.png) }</style>",
        '<div style="background:u\\72l(https://example.org/a.png)">x</div>',
        '<div style="background:u/**/rl(https://example.org/a.png);color:red">x</div>',
        '<img src="http:/example.org/a.png">',
        r'<img src="http:\\example.org\a.png">',
        r'<img src="\\example.org\a.png">',
        '<img src=" ht\ttps://example.org/a.png">',
        '<img srcset="a.png 1x, https://example.org/a.png 2x">',
        '<svg><image xlink:href="https://example.org/a.png"></image></svg>',
        '<svg><use href="https://example.org/a.svg#x"></use></svg>',
        '<video poster="https://example.org/a.png"></video>',
        '<meta http-equiv="refresh" content="0;url=https://example.org/">',
        '<meta http-equiv=" Refresh" content="5; example.org">',
    ],
)
def test_a_report_that_would_load_something_remote_is_refused(notebook, markup):
    notebook.cells.append(new_markdown_cell(markup))
    with pytest.raises(UsageError, match=r"example\.org"):
        render(notebook, RESULT)


@pytest.mark.parametrize("markup", ["![x]({})", '<img src="{}">', "![x](file://{})", "![x](../../{})"])
def test_an_image_from_outside_of_the_repository_is_refused(notebook, tmp_path, markup):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG secret")
    address = os.path.relpath(secret, NOTEBOOKS) if "../" in markup else secret
    notebook.cells.append(new_markdown_cell(markup.replace("../../", "").format(address)))
    with pytest.raises(UsageError, match="lies outside of the repository"):
        render(notebook, RESULT)


def test_a_link_does_not_lead_an_image_outside(notebook, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"\x89PNG secret")
    link = NOTEBOOKS / "outside-for-a-test.png"
    link.symlink_to(tmp_path / "secret.png")
    try:
        notebook.cells.append(new_markdown_cell("![x](outside-for-a-test.png)"))
        with pytest.raises(UsageError, match="lies outside of the repository"):
            render(notebook, RESULT)
    finally:
        link.unlink()


def test_an_image_of_the_repository_is_part_of_the_report(notebook):
    picture = (ROOT / "docs" / "learning-rates.png").read_bytes()
    notebook.cells.append(new_markdown_cell("![paths](../docs/learning-rates.png) ![text](../LICENSE)"))
    page = render(notebook, RESULT)
    assert base64.b64encode(picture).decode() in page
    assert base64.b64encode((ROOT / "LICENSE").read_bytes()).decode()[:60] not in page


def test_what_a_report_redistributes_carries_its_licence(notebook):
    page = render(notebook, RESULT, slides=True)
    for words in (
        "plotly.js 4",
        "mathjax 3",
        "Apache License",
        "reveal.js 5",
        "Permission is hereby granted",
    ):
        assert words in page


def test_a_link_to_follow_is_no_remote_reference():
    assert (
        remote_references('<a href="https://example.org">x</a><img src="data:image/png;base64,//AA">') == []
    )


def test_the_title_is_the_first_heading_of_the_language(notebook):
    assert title(notebook, "en", "-") == "A sample"
    assert title(notebook, "zh", "-") == "样本"
    assert title(new_notebook(), "en", "09-sample") == "09-sample"


def test_notebooks_are_selected_by_the_beginning_of_their_names(tmp_path):
    for name in ("10-b.ipynb", "05-a.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()
    assert [path.stem for path in select([], tmp_path)] == ["05-a", "10-b"]
    assert [path.stem for path in select(["1"], tmp_path)] == ["10-b"]
    with pytest.raises(UsageError, match="there are: 05-a, 10-b"):
        select(["07"], tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "page.html"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "new \ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_what_the_library_shows_passes_unchanged():
    shown = (
        '<div class="liandan-progress" style="color:#009E73"><label>step <progress max="20" value="3"></progress></label>'
        '<table class="liandan-table"><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td>1 &lt; 2</td></tr></tbody>'
        "</table></div>"
    )
    assert str(sanitized(shown)) == shown


def a_check(value: float, passed: bool):
    return {
        "id": "FB-1",
        "claim": "a < b",
        "value": value,
        "interval": [0, 1],
        "source": "derivation (2)",
        "passed": passed,
        "cell": 1,
    }


def with_outputs(notebook, *bundles):
    outputs = [new_output("display_data", bundle) for bundle in bundles]
    notebook.cells.append(new_code_cell("check()", execution_count=3, outputs=outputs))
    return notebook


@pytest.mark.parametrize("slides", [False, True])
def test_a_check_that_passed_is_a_line_and_one_that_failed_says_all(notebook, slides):
    good, bad = a_check(0.5, True), a_check(2, False)
    page = render(with_outputs(notebook, {CHECK: good}, {CHECK: bad}), RESULT, slides=slides)
    line = re.search(r'<p class="check passed">.*?</p>', page)[0]
    assert "a &lt; b · " in line and "0.5 ∈ [0, 1]" in line and "derivation" not in line
    alarm = re.search(r'<div class="check failed">.*?</div>', page, re.DOTALL)[0]
    assert "<b>2</b> accepted: [0, 1]" in alarm and "derivation (2)" in alarm


def test_an_equal_value_is_written_once():
    assert verdict(a_check(7, True) | {"interval": [7, 7]})["line"] == "= 7"
    assert verdict(a_check(7, True) | {"interval": [7, None]})["line"] == "7 ≥ 7"


def test_the_table_of_checks_lies_folded_where_the_notebook_has_its_appendix(notebook):
    result = RESULT | {"checks": [a_check(0.5, True)]}
    assert '<section class="cell prose" id="checks">' in render(notebook, result)
    page = render(with_outputs(notebook, {APPENDIX: {}, "text/html": "its own word"}), result)
    assert page.count('id="checks"') == page.count('<table class="checks">') == 1
    folded = re.search(r'<details class="appendix passed">.*?</details>', page, re.DOTALL)[0]
    assert 'id="checks"' in folded and "1 of 1 checks passed" in folded and "derivation (2)" in folded
    assert "its own word" not in page


def test_the_appendix_is_open_where_a_check_failed(notebook):
    result = RESULT | {"checks": [a_check(2, False), a_check(0.5, True)]}
    page = render(with_outputs(notebook, {APPENDIX: {}}), result)
    assert re.search(r'<details class="appendix failed" open\b', page)
