"""Several notebooks at once: their order, what an index says meanwhile, interruption and resumption."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPORTS
from test_render import RESULT

import machine
from build_reports import build_index
from notebooks import ROOT, hash_of_library, inputs, last_result, read, write_json
from run_notebooks import side_by_side

FIXTURES = Path(__file__).resolve().parent / "fixtures"


def order(count: int, jobs: int) -> list[int]:
    begun: list[int] = []

    async def work(path: Path) -> None:
        begun.append(int(path.name))
        # The longer the name's number, the longer it takes.
        await asyncio.sleep(0.01 * (1 + int(path.name)))

    asyncio.run(side_by_side([Path(str(number)) for number in range(count)], jobs, work))
    return begun


def test_one_worker_begins_with_the_shortest_and_the_others_with_the_longest():
    assert order(6, 1) == [0, 1, 2, 3, 4, 5]
    assert order(6, 2)[:3] == [0, 5, 1]
    assert sorted(order(6, 2)) == sorted(order(6, 9)) == [0, 1, 2, 3, 4, 5]
    assert order(0, 2) == []


def test_an_exception_stops_all_workers():
    ended = []

    async def work(path: Path) -> None:
        if path.name == "0":
            raise KeyError("0")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(path.name)

    with pytest.raises(KeyError):
        asyncio.run(side_by_side([Path("0"), Path("1")], 2, work))
    assert ended == ["1"]


def test_jobs_follow_cores_and_memory(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 4)
    for memory, jobs in ((1e9, 1), (5e9, 2), (1e12, 4)):
        monkeypatch.setattr(machine, "memory", lambda memory=memory: memory)
        assert machine.jobs("lesson") == jobs
    assert machine.limited_to(2)["TF_NUM_INTRAOP_THREADS"] == "2"
    monkeypatch.undo()
    assert machine.cores() >= 1
    assert machine.memory() > 1e6


def test_an_index_shows_what_is_under_way(tmp_path):
    waiting = {"name": "08-last", "title": "The last <one>", "state": "waiting"}
    page = build_index([], tmp_path, [waiting]).read_text("utf8")
    assert "The last &lt;one&gt;" in page
    assert 'id="under-way"' in page
    again = {"name": RESULT["name"], "title": "A sample", "state": "running since 12:00"}
    (tmp_path / "executed").mkdir()
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write_json(tmp_path / "executed" / RESULT["file"], notebook)
    page = build_index([RESULT], tmp_path, [again]).read_text("utf8")
    assert "this is the former run; running since 12:00" in page
    assert 'id="under-way"' not in build_index([RESULT], tmp_path).read_text("utf8")


def test_a_run_depends_on_cells_library_kernel_and_data(tmp_path, monkeypatch):
    notebook = read(FIXTURES / "01-sample.ipynb")
    before = inputs(notebook, hash_of_library({"argv": ["node"]}))
    assert inputs(notebook, hash_of_library({"argv": ["node"]})) == before
    assert inputs(notebook, hash_of_library({"argv": ["other node"]})) != before
    (tmp_path / "some.txt.gz").write_bytes(b"data")
    monkeypatch.setenv("LIANDAN_DATA", str(tmp_path))
    assert inputs(notebook, hash_of_library({"argv": ["node"]})) != before
    monkeypatch.undo()
    notebook.cells[-1].source += " "
    assert inputs(notebook, hash_of_library({"argv": ["node"]})) != before


def test_a_result_that_is_damaged_or_of_another_version_counts_as_none(tmp_path):
    path = Path(f"{RESULT['name']}.ipynb")
    file = tmp_path / "results" / f"{RESULT['name']}.json"
    write_json(file, RESULT)
    assert last_result(path, tmp_path) == RESULT
    for content in (file.read_text()[:-20], "[]", "", json.dumps({**RESULT, "checks": None})):
        file.write_text(content)
        assert last_result(path, tmp_path) is None


def start(reports: Path, *arguments: str) -> subprocess.Popen[str]:
    folders = ["--notebooks", str(FIXTURES), "--reports", str(reports), "--build"]
    command = [sys.executable, str(REPORTS / "run_notebooks.py"), *arguments, *folders]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def running_kernels() -> set[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    kernel = str(ROOT / "kernel" / "dist" / "main.js")
    return {int(pid) for pid, state, *args in lines if kernel in "".join(args) and state[0] != "Z"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_behind_and_goes_on_where_it_was(tmp_path, number):
    before = running_kernels()
    run = start(tmp_path, "01", "06", "--jobs", "2")
    deadline = time.monotonic() + 90
    while not (tmp_path / "01-sample.html").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "running since" in (tmp_path / "index.html").read_text("utf8")
    time.sleep(1)
    os.kill(run.pid, number)
    output, _ = run.communicate(timeout=30)
    if number == signal.SIGKILL:
        assert run.returncode == -signal.SIGKILL
    else:
        assert run.returncode == 130
        assert "interrupted; 1 of 2 are done" in output
        assert 'id="under-way"' not in (tmp_path / "index.html").read_text("utf8")
    deadline = time.monotonic() + 10
    while running_kernels() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running_kernels() - before == set()
    again = start(tmp_path, "01")
    output, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert "01-sample  passed, and nothing it depends on has changed since" in output
    assert not list(tmp_path.rglob("*.partial"))
