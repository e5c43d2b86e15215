"""Runs notebooks on copies, side by side, with live progress, applies the gates to what they printed, builds their reports.

Usage: python tools/reports/run_notebooks.py [05 …] [--profile lesson|full] [--jobs N] [--again] [--to html|slides|pdf]

Executed copies go to reports/executed, what the reports need to know about each run to reports/results. A notebook that
passed is not run again while it, the library and the data stay as they were; so an interrupted run goes on where it was.
The exit code is 1 when a notebook failed, 130 when the run was interrupted. Whatever one notebook shows or does, the
others run.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import os
import re
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode

import environment
import machine
from build_reports import FORMATS, Reports
from client import KERNEL, Board, Interrupted, Progress, execute, interruption
from gates import Failure, examine
from notebooks import (
    LANGUAGES,
    NOTEBOOKS,
    REPORTS,
    ROOT,
    UsageError,
    code_cells,
    fail,
    has_language,
    hash_of_library,
    inputs,
    is_foreign,
    keep_inside_repository,
    last_result,
    plain,
    read,
    remove_partial_files,
    select,
    title,
    write_atomically,
    write_json,
)

PROFILES = ("lesson", "full")


def solutions(notebook: NotebookNode) -> list[NotebookNode]:
    """The solutions of the exercises as code cells: the TypeScript blocks inside <details> of Markdown cells.

    What a solution declares is its own; its imports, which come first, stand outside of the braces.
    """
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = "\n".join(re.findall(r"<details>(.*?)</details>", text, re.DOTALL))
    blocks = re.findall(r"^```ts\n((?:import\b[^;]*;\n)*)(.*?)^```", folded, re.DOTALL | re.MULTILINE)
    return [
        nbformat.v4.new_code_cell(f"// Solution {number}\n{imports}{{\n{block}}}")
        for number, (imports, block) in enumerate(blocks, 1)
    ]


class Runner:
    """Runs notebooks and leaves their executed copies and results."""

    def __init__(self, options: argparse.Namespace, spec: KernelSpec, board: Board) -> None:
        self.options, self.board = options, board
        self.reports: Path = options.reports.resolve()
        self.library = hash_of_library(spec.to_dict())
        self.spec = spec
        self.facts: Awaitable[dict[str, Any]] = asyncio.ensure_future(
            asyncio.to_thread(environment.describe, spec.argv[0], spec.env, options.profile)
        )

    def is_current(self, path: Path) -> bool:
        """Whether the last run passed, in this profile, with the notebook, the library and the data that there are now."""
        result = last_result(path, self.reports)
        return (
            result is not None
            and result["status"] == "passed"
            and result["environment"]["profile"] == self.options.profile
            and (result["solutions"] or not self.options.solutions)
            and result["inputs"] == inputs(read(path), self.library)
        )

    async def run(self, path: Path, threads: int | None) -> dict[str, Any]:
        """Runs one notebook; writes its executed copy and its result; returns the result.

        Any exception is a failure of this notebook. Solutions, if they are wanted, run after the last cell and do not
        appear in the copy.
        """
        progress = Progress(path.stem, 0)
        self.board.running.append(progress)
        source = executed = nbformat.v4.new_notebook()
        evidence, written = None, False
        try:
            source = read(path)
            executed = copy.deepcopy(source)
            executed.cells.extend(solutions(source) if self.options.solutions else [])
            progress.cells = sum(1 for _ in code_cells(executed))
            for _, cell in code_cells(executed):
                cell.outputs, cell.execution_count = [], None
            log = self.reports / "logs" / f"{path.stem}.log"
            hidden, complete = await execute(
                executed,
                progress,
                self.options.cell_timeout,
                path.parent,
                log,
                machine.limited_to(threads) if threads else {},
            )
            evidence = examine(executed, complete=complete)
            failures = evidence.failures + hidden
            executed.cells = executed.cells[: len(source.cells)]
            write_atomically(self.reports / "executed" / path.name, nbformat.writes(executed))
            written = True
        except Interrupted:
            raise
        except UsageError as error:
            failures = [Failure("notebook", str(error))]
        except Exception as error:  # noqa: BLE001
            message = f"its outputs could not be taken in: {type(error).__name__}: {error}"
            failures = [Failure("output", message[:500], details=traceback.format_exc().splitlines()[-12:])]
        finally:
            self.board.running.remove(progress)
        if not written:
            # What can be shown of it is its text.
            write_atomically(self.reports / "executed" / path.name, nbformat.writes(source))
        result = {
            "name": path.stem,
            "file": path.name,
            "title": title(source, "en", path.stem),
            "status": "failed" if failures else "passed",
            "seconds": round(time.monotonic() - progress.started, 1),
            "cells": progress.cells,
            "checks": evidence.checks if evidence else [],
            "figures": evidence.figures if evidence else [],
            "failures": [asdict(failure) for failure in failures],
            "inputs": inputs(source, self.library),
            "solutions": self.options.solutions,
            "environment": await self.facts,
        }
        write_json(self.reports / "results" / f"{path.stem}.json", result)
        return result


def announcement(path: Path, result: dict[str, Any], colours: bool) -> str:
    passed = sum(check["passed"] for check in result["checks"])
    counts = f"{result['cells']} cells  {passed}/{len(result['checks'])} checks  {result['seconds']} s"
    lines = [f"{path.stem}  {result['status']}  {counts}"]
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for fields in result["failures"]:
        failure = Failure(**fields)
        lines += ["", f"  ✗ {shown} {failure.place}".rstrip() + f": {failure.message}"]
        lines += [
            "      " + (line if colours else plain(line)) for line in "\n".join(failure.details).splitlines()
        ]
    return "\n".join(lines + [""] * bool(result["failures"]))


async def side_by_side(paths: list[Path], jobs: int, work: Callable[[Path], Awaitable[None]]) -> None:
    """Works on the paths, which come in the order of their expected duration.

    One worker begins with the shortest, so that there is something to read soon, the others with the longest, so that
    none of these is left over at the end.
    """
    waiting = deque(paths)

    async def worker(take: Callable[[], Path]) -> None:
        while waiting:
            await work(take())

    takers = [waiting.popleft, *[waiting.pop] * (jobs - 1)]
    workers = [asyncio.ensure_future(worker(take)) for take in takers[: len(paths)]]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def run_all(options: argparse.Namespace, chosen: list[Path], spec: KernelSpec) -> int:
    """Runs what is due and builds reports as results come in; gives the exit code."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop() -> None:
        if not interruption.requested and task:
            interruption.requested = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)

    board = Board()
    runner = Runner(options, spec, board)
    current = [] if options.again else [path for path in chosen if runner.is_current(path)]
    due = sorted(
        (path for path in chosen if path not in current), key=lambda path: expected_seconds(path, runner)
    )
    jobs = min(options.jobs or machine.jobs(options.profile), max(1, len(due)))
    threads = max(1, machine.cores() // jobs) if jobs > 1 else None
    reports = Reports(options, chosen, waiting=[path.stem for path in due]) if options.build else None
    # One at a time and beside the event loop, which has kernels to listen to.
    builder = ThreadPoolExecutor(1)

    async def build(result: dict[str, Any]) -> dict[str, Any]:
        return await loop.run_in_executor(builder, reports.add, result) if reports else result

    async def work(path: Path) -> None:
        if reports:
            await loop.run_in_executor(builder, reports.begin, path.stem)
        result = await build(await runner.run(path, threads))
        failed.append(path.stem) if result["status"] == "failed" else None
        board.print(announcement(path, result, board.live))

    async def watch_command() -> None:
        """Stops when the command that started this process is gone, which it may be without a word."""
        command = os.environ.get("LIANDAN_COMMAND")
        while command and os.getppid() == int(command):
            await asyncio.sleep(1)
        if command:
            stop()

    failed: list[str] = []
    helpers = [asyncio.ensure_future(board.tick()), asyncio.ensure_future(watch_command())]
    try:
        for path in current:
            result = last_result(path, runner.reports)
            board.print(
                f"{path.stem}  passed, and nothing it depends on has changed since (--again runs it again)"
            )
            await build(result or {})
        await side_by_side(due, jobs, work)
    except (asyncio.CancelledError, Interrupted):
        if not interruption.requested:
            raise
        done = len(chosen) - len(due) + len([p for p in due if runner.is_current(p)])
        board.print(
            f"\ninterrupted; {done} of {len(chosen)} are done. The same command goes on from here; what it was in the middle"
            " of keeps its former report."
        )
        return 130
    finally:
        for helper in helpers:
            helper.cancel()
        builder.shutdown(wait=True)
        if reports:
            reports.finish()
    if reports:
        reports.print_outcome()
    return 1 if failed else 0


def expected_seconds(path: Path, runner: Runner) -> float:
    """How long the last run took; where there was none, the number of cells must do."""
    result = last_result(path, runner.reports)
    if result:
        return result["seconds"]
    try:
        return 1e6 + sum(1 for _ in code_cells(read(path)))
    except UsageError:
        return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs notebooks and checks what they show.")
    parser.add_argument(
        "prefixes", nargs="*", metavar="NN", help="beginning of a name, such as 05 (default: all)"
    )
    parser.add_argument(
        "--solutions",
        action="store_true",
        help="also run the solutions of the exercises, after the last cell",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default=os.environ.get("LIANDAN_PROFILE") or "lesson",
        help="size of the experiments (default: LIANDAN_PROFILE, or lesson)",
    )
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="notebooks side by side (default: by cores and memory)"
    )
    parser.add_argument(
        "--again", action="store_true", help="also run those that passed and have not changed since"
    )
    parser.add_argument(
        "--build", action="store_true", help="build each report as soon as its notebook has run"
    )
    parser.add_argument(
        "--to", choices=FORMATS, default="html", help="format of reports (default: %(default)s)"
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language (default: %(default)s)")
    parser.add_argument(
        "--cell-timeout",
        type=positive,
        default=1800,
        metavar="SECONDS",
        help="limit of one cell (default: %(default)s)",
    )
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="FOLDER", help="where the notebooks are"
    )
    parser.add_argument("--reports", type=Path, default=REPORTS, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    if options.profile not in PROFILES:
        parser.error(f'LIANDAN_PROFILE is "{options.profile}"; it must be {" or ".join(PROFILES)}')
    return options


def positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a positive number')
    return int(text)


def choose(options: argparse.Namespace) -> list[Path]:
    """The notebooks that are meant; raises UsageError where one cannot be had in the language."""
    chosen = select(options.prefixes, options.notebooks.resolve())
    if options.lang == "en":
        return chosen
    spoken = [path for path in chosen if has_language(read(path), options.lang)]
    if not spoken or (options.prefixes and spoken != chosen):
        missing = ", ".join(path.stem for path in chosen if path not in spoken)
        raise UsageError(f'no cell tagged "lang:{options.lang}" in {missing}')
    return spoken


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        chosen = choose(options)
        keep_inside_repository()
        remove_partial_files(options.reports)
        os.environ.update(LIANDAN_CI="1", LIANDAN_PROFILE=options.profile)
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
        if is_foreign() and options.reports == REPORTS:
            print(f"This checkout is closed to you; reports go to {REPORTS}")
        return asyncio.run(run_all(options, chosen, spec))
    except NoSuchKernel:
        return fail(
            UsageError(f'the kernel "{KERNEL}" is not installed in {sys.prefix}; `npm start` installs it')
        )
    except UsageError as error:
        return fail(error)
    except OSError as error:
        return fail(
            UsageError(
                f"{error.filename or 'a file'} could not be written or read: {error.strerror or error}"
            )
        )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
