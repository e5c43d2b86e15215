"""The kernel of this checkout, spoken to over the wire as JupyterLab and nbclient do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60
Message = dict[str, Any]


def plain(text: str) -> str:
    """Without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Manager(KernelManager):
    """Starts the kernel of this checkout, whatever kernelspecs are installed."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        super().__init__(kernel_name="liandan")
        self.root = root
        self.environment = environment

    @property
    def kernel_spec(self) -> KernelSpec:
        node = shutil.which("node")
        assert node, "node is not on the PATH"
        return KernelSpec(
            argv=[node, str(ROOT / "kernel" / "dist" / "main.js"), "--config-path", "{connection_file}"],
            display_name="TypeScript (liandan)",
            language="typescript",
            interrupt_mode="message",
            env={"LIANDAN_ROOT": str(self.root), **self.environment},
        )


@dataclass
class Execution:
    """What came back for one execute request."""

    reply: Message
    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.reply["status"]

    def of(self, kind: str) -> list[Message]:
        return [message["content"] for message in self.messages if message["msg_type"] == kind]

    @property
    def kinds(self) -> list[str]:
        return [message["msg_type"] for message in self.messages if message["msg_type"] != "status"]

    def text(self, name: str = "stdout") -> str:
        return "".join(content["text"] for content in self.of("stream") if content["name"] == name)

    @property
    def result(self) -> str | None:
        results = self.of("execute_result")
        return results[0]["data"]["text/plain"] if results else None

    @property
    def error(self) -> Message:
        (error,) = self.of("error")
        return error

    @property
    def traceback(self) -> str:
        return plain("\n".join(self.error["traceback"]))


class Kernel:
    """A running kernel and a client of it."""

    def __init__(self, root: Path = ROOT, cwd: Path = ROOT, **environment: str) -> None:
        begin = time.monotonic()
        self.manager = Manager(root, environment)
        self.manager.start_kernel(cwd=str(cwd))
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        self.seconds_to_start = time.monotonic() - begin

    @property
    def pid(self) -> int:
        return self.manager.provisioner.process.pid

    def submit(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **options)

    def outputs(self, request: str) -> list[Message]:
        """Everything published for a request, until the kernel is idle again."""
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != request:
                continue
            messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages

    def reply(self, request: str) -> Message:
        while True:
            message = self.client.get_shell_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def collect(self, request: str) -> Execution:
        messages = self.outputs(request)
        return Execution(self.reply(request), messages)

    def run(self, code: str, **options: Any) -> Execution:
        return self.collect(self.submit(code, **options))

    def value(self, code: str) -> str | None:
        """The result of a cell that must succeed."""
        execution = self.run(code)
        assert execution.status == "ok", execution.traceback
        return execution.result

    def next_output(self, kind: str, within: float = 10) -> Message:
        """The next message of a kind, whichever request it belongs to."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Empty:
                continue
            if message["msg_type"] == kind:
                return message
        raise AssertionError(f"no {kind} within {within} s")

    def interrupt_while_printing(self, code: str) -> tuple[Execution, float]:
        """Runs a cell that prints something first, interrupts it after that, and measures the seconds it then took."""
        request = self.submit(code)
        first = self.next_output("stream")
        assert first["parent_header"]["msg_id"] == request
        start = time.monotonic()
        self.manager.interrupt_kernel()
        execution = self.collect(request)
        return execution, time.monotonic() - start

    def stop(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def compile_project(project: Path) -> None:
    subprocess.run(
        ["node", str(ROOT / "node_modules" / "typescript" / "bin" / "tsc"), "-p", str(project)], check=True
    )


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    compile_project(ROOT / "kernel")


@pytest.fixture(scope="session")
def shared(built: None) -> Iterator[Kernel]:
    """One kernel for tests that leave no trace; each uses names of its own."""
    kernel = Kernel()
    yield kernel
    kernel.stop()


@pytest.fixture
def start(built: None) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels for one test."""
    kernels: list[Kernel] = []

    def start_kernel(**options: Any) -> Kernel:
        kernels.append(Kernel(**options))
        return kernels[-1]

    yield start_kernel
    for kernel in kernels:
        kernel.stop()


def wait_until(condition: Callable[[], bool], within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def is_running(pid: int) -> bool:
    """Whether a process exists that is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory: pytest.TempPathFactory, built: None) -> Path:
    """A repository in a folder with a space: a compiled library with source maps and a TypeScript helper."""
    root = tmp_path_factory.mktemp("kernel") / "a repository"
    (root / "lib" / "src").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    shutil.copy(ROOT / "notebooks" / "tsconfig.json", root / "notebooks")
    (root / "notebooks" / "helper.ts").write_text(
        "export function double(x: number): number {\n"
        "  if (x < 0) throw new Error('negative');\n"
        "  return 2 * x;\n"
        "}\n"
    )
    (root / "lib" / "src" / "statistics.ts").write_text(
        "interface Options {\n  weights?: number[];\n}\n"
        "export function mean(values: number[], _options: Options = {}): number {\n"
        "  if (values.length === 0) throw new RangeError('mean of nothing');\n"
        "  return values.reduce((sum, value) => sum + value, 0) / values.length;\n"
        "}\n"
    )
    options = {
        "module": "node16",
        "moduleResolution": "node16",
        "target": "ES2020",
        "types": [],
        "strict": True,
        "rootDir": "src",
        "outDir": "dist",
        "declaration": True,
        "sourceMap": True,
    }
    (root / "lib" / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["src"]}))
    compile_project(root / "lib")
    return root


@pytest.fixture(scope="session")
def elsewhere(small_repository: Path) -> Iterator[Kernel]:
    """The kernel of the small repository, started by a notebook in a folder of it."""
    kernel = Kernel(root=small_repository, cwd=small_repository / "notebooks")
    yield kernel
    kernel.stop()
