"""Runs the cells of one notebook in a kernel of its own, and says meanwhile where it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from typing import IO, Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from gates import Failure, error_failure
from notebooks import code_cells, make_private, plain
from streams import StreamText

KERNEL = "liandan"
KERNEL_START_SECONDS = 120
# A rejection that nobody awaits surfaces after its cell has ended; the cell added at the end gives it time.
FLUSH = "await new Promise((resolve) => setTimeout(resolve, 200));"
# Displays of one cell that are kept.
MOST_OUTPUTS = 2000


class Progress:
    """Where the run of one notebook is."""

    def __init__(self, name: str, cells: int) -> None:
        self.name, self.cells = name, cells
        self.started = self.printed = time.monotonic()
        self.cell, self.latest = 0, ""

    def __str__(self) -> str:
        position = f"cell {self.cell}/{self.cells}" if self.cell else "starting the kernel"
        return f"{self.name}  {position}  {time.monotonic() - self.started:.0f} s  {self.latest}".rstrip()


class Board:
    """The progress of all that runs: rewritten in place on a terminal, printed every few seconds elsewhere."""

    interval = 5.0

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self.stream, self.live = stream, stream.isatty()
        self.running: list[Progress] = []

    def show(self) -> None:
        if self.live:
            room = (shutil.get_terminal_size().columns - 1) // max(1, len(self.running))
            parts = [str(progress)[: room - 1].ljust(room) for progress in self.running]
            self.stream.write(f"\r\x1b[K{''.join(parts).rstrip()}")
            self.stream.flush()
            return
        for progress in self.running:
            if time.monotonic() - progress.printed >= self.interval * len(self.running):
                progress.printed = time.monotonic()
                print(str(progress)[:200], file=self.stream, flush=True)

    def print(self, text: str) -> None:
        """Prints lines that stay."""
        if self.live:
            self.stream.write("\r\x1b[K")
        print(text, file=self.stream, flush=True)

    async def tick(self) -> None:
        while True:
            self.show()
            await asyncio.sleep(0.25)


class Client(NotebookClient):
    """An nbclient that keeps what a page can hold, and tells a Progress what the running cell printed last.

    Its own merging of streams takes time quadratic in the length of a line.
    """

    progress: Progress

    async def async_execute_cell(self, cell: NotebookNode, *args: Any, **options: Any) -> NotebookNode:
        self.streams: dict[str, tuple[NotebookNode, StreamText]] = {}
        self.left_out = 0
        try:
            return await super().async_execute_cell(cell, *args, **options)
        finally:
            for output, text in self.streams.values():
                output.text = str(text)
            if self.left_out:
                note = f"… {self.left_out} more outputs of this cell cut\n"
                cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=note))

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        content = msg["content"]
        data = content.get("data")
        text = content.get("text") if msg["msg_type"] == "stream" else None
        if isinstance(data, dict):
            text = data.get("text/plain")
        if isinstance(text, str) and text[-1000:].strip():
            self.progress.latest = plain(text[-1000:].strip().splitlines()[-1])
        return super().process_message(msg, cell, cell_index)

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        if msg["msg_type"] == "stream" and not self.clear_before_next_output:
            name = str(msg["content"].get("name"))
            output, text = self.streams.get(name, (None, None))
            # After clear_output the stream begins anew.
            if text is not None and any(output is shown for shown in outs[-MOST_OUTPUTS:]):
                text.add(str(msg["content"].get("text")))
                return None
        elif len(outs) >= MOST_OUTPUTS and msg["msg_type"] != "error":
            self.left_out += 1
            return None
        output = super().output(outs, msg, display_id, cell_index)
        if output is not None and output.output_type == "stream":
            text = StreamText()
            text.add(str(output.text))
            output.text = ""
            self.streams[str(output.name)] = (output, text)
        return output


class Interrupted(Exception):
    """The user pressed Ctrl-C, or asked the process to end."""


class Interruption:
    """Whether the process was asked to end; signals belong to the process, so there is one."""

    requested = False


interruption = Interruption()


async def execute(
    notebook: NotebookNode,
    progress: Progress,
    timeout: int,
    folder: Path,
    log: Path,
    environment: dict[str, str],
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
    )
    client.log.disabled = True
    client.progress = progress
    client.reset_execution_trackers()
    client.create_kernel_manager()
    manager = client.km
    flush = nbformat.v4.new_code_cell(FLUSH)
    notebook.cells.append(flush)
    make_private(log.parent)
    with log.open("w", encoding="utf8") as written:
        try:
            await client.async_start_new_kernel(
                cwd=str(folder), stdout=written, stderr=written, env={**os.environ, **environment}
            )
            await client.async_start_new_kernel_client()
            notebook.metadata["language_info"] = (await client.kc.kernel_info(reply=True))["content"][
                "language_info"
            ]
            for number, cell in code_cells(notebook):
                progress.cell, progress.latest = min(number, progress.cells), ""
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
