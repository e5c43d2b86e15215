"""Runs notebooks on copies, with live progress, and applies the gates to what they printed.

Usage: python tools/run_notebooks.py [05 …] [--profile lesson|full]

Executed copies go to reports/executed, what the reports need to know about each run to reports/results.
The exit code is 1 when a notebook failed, 130 when the run was interrupted. One failing notebook does not stop the others.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import os
import re
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

import environment
from gates import Failure, error_failure, examine
from notebooks import (
    NOTEBOOKS,
    REPORTS,
    ROOT,
    UsageError,
    code_cells,
    fail,
    fingerprint,
    keep_inside_repository,
    last_result,
    plain,
    read,
    select,
    title,
    write_atomically,
    write_json,
)

KERNEL = "liandan"
KERNEL_START_SECONDS = 120
# A rejection that nobody awaits surfaces after its cell has ended; the cell added at the end gives it time.
FLUSH = "await new Promise((resolve) => setTimeout(resolve, 200));"


class Progress:
    """One line that says where a run is: rewritten in place on a terminal, printed every few seconds elsewhere."""

    interval = 5.0

    def __init__(self, name: str, cells: int, stream: IO[str] = sys.stdout) -> None:
        self.name, self.cells, self.stream = name, cells, stream
        self.live = stream.isatty()
        self.started = self.printed = time.monotonic()
        self.cell, self.latest = 0, ""

    def show(self) -> None:
        now = time.monotonic()
        position = f"cell {self.cell}/{self.cells}" if self.cell else "starting the kernel"
        line = f"{self.name}  {position}  {now - self.started:.0f} s  {self.latest}".rstrip()
        if self.live:
            self.stream.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
            self.stream.flush()
        elif now - self.printed >= self.interval:
            self.printed = now
            print(line, file=self.stream, flush=True)

    def clear(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    async def tick(self) -> None:
        while True:
            self.show()
            await asyncio.sleep(0.25)


class Client(NotebookClient):
    """An nbclient that tells a Progress what the running cell printed last."""

    progress: Progress

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        content = msg["content"]
        text = (
            content.get("text") if msg["msg_type"] == "stream" else content.get("data", {}).get("text/plain")
        )
        if isinstance(text, str) and text.strip():
            self.progress.latest = plain(text.strip().splitlines()[-1])
        return super().process_message(msg, cell, cell_index)


class Interrupted(Exception):
    """The user pressed Ctrl-C, or asked the process to end."""


class Interruption:
    """Whether the process was asked to end; signals belong to the process, so there is one."""

    requested = False


interruption = Interruption()


async def execute(
    notebook: NotebookNode, progress: Progress, timeout: int, folder: Path, log: Path
) -> tuple[list[Failure], bool]:
    """Runs the cells of a notebook in place, in a kernel of its own, up to the first that fails.

    Returns the failures that outputs do not show (a kernel that did not start or died, a timeout, a late rejection), and
    whether all cells were given the chance to run.
    """
    number = 0
    client = Client(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL,
        startup_timeout=KERNEL_START_SECONDS,
        iopub_timeout=60,
        raise_on_iopub_timeout=True,
        coalesce_streams=True,
    )
    client.log.disabled = True
    client.progress = progress
    client.reset_execution_trackers()
    client.create_kernel_manager()
    manager = client.km
    flush = nbformat.v4.new_code_cell(FLUSH)
    notebook.cells.append(flush)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as written:
        try:
            await client.async_start_new_kernel(cwd=str(folder), stdout=written, stderr=written)
            await client.async_start_new_kernel_client()
            notebook.metadata["language_info"] = (await client.kc.kernel_info(reply=True))["content"][
                "language_info"
            ]
            for number, cell in code_cells(notebook):
                progress.cell, progress.latest = min(number, progress.cells), ""
                progress.show()
                await client.async_execute_cell(cell, notebook.cells.index(cell), execution_count=number)
        except CellExecutionError:
            errors = [output for output in flush.get("outputs", []) if output.output_type == "error"]
            return [error_failure(None, error.ename, error.evalue, error.traceback) for error in errors], True
        except CellTimeoutError:
            message = f"ran longer than {timeout} s and was stopped (--cell-timeout sets the limit)"
            return [Failure("timeout", message, number)], False
        except DeadKernelError:
            # nbclient takes a cancelled wait for a dead kernel.
            if interruption.requested:
                raise Interrupted from None
            message = (
                "the kernel process died while this cell ran; the end of its log follows (out of memory?)"
            )
            return [Failure("dead kernel", message, number, details=_end_of(log))], False
        except RuntimeError as error:
            return [
                Failure("kernel start", f"the kernel did not start: {error}", details=_end_of(log))
            ], False
        finally:
            notebook.cells.pop()
            await _stop(client, manager)
    return [], True


async def _stop(client: Client, manager: Any) -> None:
    if client.kc is not None:
        client.kc.stop_channels()
    if manager.has_kernel:
        await manager.shutdown_kernel(now=True)
    await manager.cleanup_resources()


def _end_of(log: Path, lines: int = 15) -> list[str]:
    return log.read_text("utf8", "replace").splitlines()[-lines:]


async def interruptible(work: Any) -> Any:
    """Awaits the work; Interrupted when SIGINT or SIGTERM arrives meanwhile, after the work has cleaned up."""
    task = asyncio.ensure_future(work)

    def stop() -> None:
        # Ctrl-C reaches this process directly and once more through the command that started it.
        if not interruption.requested:
            interruption.requested = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted from None


def solutions(notebook: NotebookNode) -> list[NotebookNode]:
    """The solutions of the exercises as code cells: the TypeScript blocks inside <details> of Markdown cells."""
    markdown = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = "\n".join(re.findall(r"<details>.*?</details>", markdown, re.DOTALL))
    blocks = re.findall(r"^```ts\n(.*?)^```", folded, re.DOTALL | re.MULTILINE)
    return [
        nbformat.v4.new_code_cell(f"// Solution {number}\n{{\n{block}}}")
        for number, block in enumerate(blocks, 1)
    ]


async def run(
    path: Path, reports: Path, facts: dict[str, Any], timeout: int, with_solutions: bool
) -> dict[str, Any]:
    """Runs one notebook; writes its executed copy and its result; returns the result.

    Solutions, if they are wanted, run after the last cell and do not appear in the copy.
    """
    source = read(path)
    executed = copy.deepcopy(source)
    answers = solutions(source) if with_solutions else []
    executed.cells.extend(answers)
    total = sum(1 for _ in code_cells(executed))
    progress = Progress(path.stem, total)
    for _, cell in code_cells(executed):
        cell.outputs, cell.execution_count = [], None
    ticker = asyncio.ensure_future(progress.tick())
    try:
        hidden, complete = await execute(
            executed, progress, timeout, path.parent, reports / "logs" / f"{path.stem}.log"
        )
    finally:
        ticker.cancel()
        progress.clear()
    evidence = examine(executed, complete=complete)
    failures = evidence.failures + hidden
    executed.cells = executed.cells[: len(source.cells)]
    result = {
        "name": path.stem,
        "file": path.name,
        "title": title(source, "en", path.stem),
        "status": "failed" if failures else "passed",
        "seconds": round(time.monotonic() - progress.started, 1),
        "cells": total,
        "checks": evidence.checks,
        "figures": evidence.figures,
        "failures": [asdict(failure) for failure in failures],
        "fingerprint": fingerprint(source),
        "environment": facts,
    }
    write_atomically(reports / "executed" / path.name, nbformat.writes(executed))
    write_json(reports / "results" / f"{path.stem}.json", result)
    _announce(path, result, failures)
    return result


def is_current(path: Path, reports: Path, profile: str) -> bool:
    """Whether the last run of a notebook passed, in this profile, with the cells that it has now."""
    result = last_result(path, reports)
    return (
        result is not None
        and result["status"] == "passed"
        and result["environment"]["profile"] == profile
        and result["fingerprint"] == fingerprint(read(path))
    )


def _announce(path: Path, result: dict[str, Any], failures: list[Failure]) -> None:
    passed = sum(check["passed"] for check in result["checks"])
    counts = f"{result['cells']} cells  {passed}/{len(result['checks'])} checks  {result['seconds']} s"
    print(f"{path.stem}  {result['status']}  {counts}", flush=True)
    colours = sys.stdout.isatty()
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for failure in failures:
        print(f"\n  ✗ {shown} {failure.place}".rstrip() + f": {failure.message}")
        for line in "\n".join(failure.details).splitlines():
            print("      " + (line if colours else plain(line)))
    if failures:
        print(flush=True)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs notebooks and checks what they show.")
    parser.add_argument(
        "prefixes", nargs="*", metavar="NN", help="beginning of a name, such as 05 (default: all)"
    )
    profiles = ("lesson", "full")
    profile = os.environ.get("LIANDAN_PROFILE") or "lesson"
    parser.add_argument(
        "--solutions",
        action="store_true",
        help="also run the solutions of the exercises, after the last cell",
    )
    parser.add_argument(
        "--profile", choices=profiles, default=profile, help="size of the experiments (default: %(default)s)"
    )
    parser.add_argument(
        "--if-changed",
        action="store_true",
        help="skip those that passed in this profile and have not changed since",
    )
    parser.add_argument(
        "--cell-timeout",
        type=int,
        default=1800,
        metavar="SECONDS",
        help="limit of one cell (default: %(default)s)",
    )
    parser.add_argument(
        "--notebooks", type=Path, default=NOTEBOOKS, metavar="FOLDER", help="where the notebooks are"
    )
    parser.add_argument("--reports", type=Path, default=REPORTS, metavar="FOLDER", help="where to write")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    keep_inside_repository()
    os.environ.update(LIANDAN_CI="1", LIANDAN_PROFILE=options.profile)
    try:
        chosen = select(options.prefixes, options.notebooks.resolve())
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel:
        return fail(
            UsageError(f'the kernel "{KERNEL}" is not installed in {sys.prefix}; `npm start` installs it')
        )
    except UsageError as error:
        return fail(error)
    facts = environment.describe(spec.argv[0], spec.env, options.profile)
    failed = 0
    for path in chosen:
        if options.if_changed and is_current(path, options.reports, options.profile):
            continue
        try:
            result = asyncio.run(
                interruptible(
                    run(path, options.reports.resolve(), facts, options.cell_timeout, options.solutions)
                )
            )
        except Interrupted:
            print(f"\ninterrupted in {path.stem}; its report is not changed")
            return 130
        except UsageError as error:
            failed += 1
            fail(error)
        else:
            failed += result["status"] == "failed"
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
