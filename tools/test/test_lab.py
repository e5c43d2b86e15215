"""JupyterLab's arguments, and who can read what its server writes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPORTS
from jupyter_server.serverapp import aliases

from lab import LOG, arguments
from notebooks import STATE


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (["--ip", "0.0.0.0"], "--ServerApp.ip="),
        (["--ip=0.0.0.0"], "--ServerApp.ip="),
        (["--ServerApp.ip=0.0.0.0"], "--ServerApp.ip="),
        (["--notebook-dir=/tmp"], "--ServerApp.root_dir="),
        (["--allow-root"], "--ServerApp.allow_root="),
        (["-y"], "--ServerApp.answer_yes="),
    ],
)
def test_what_is_said_under_any_of_its_names_is_not_said_again(given, ours):
    whole = arguments(given, aliases)
    assert whole[-len(given) :] == given
    assert not any(argument.startswith(ours) for argument in whole[: -len(given)])
    assert any(argument.startswith(ours) for argument in arguments([], aliases)) or os.geteuid() != 0


def test_only_its_owner_can_read_what_the_server_writes():
    # Left over from a version that was less careful.
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.parent.chmod(0o755)
    LOG.write_text("old")
    LOG.chmod(0o644)
    command = [sys.executable, str(REPORTS / "lab.py"), "--no-browser", "--port", "0", "--ip", "127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, umask=0o022)
    try:
        assert server.stdout is not None
        address = server.stdout.readline()
        token = re.search(r"token=([0-9a-f]{48})", address)
        assert token, address
        folders = [LOG.parent, STATE / "jupyter"]
        paths = [*folders, *(path for folder in folders for path in folder.rglob("*"))]
        runtime = STATE / "jupyter" / "runtime" / str(server.pid)
        assert {LOG, runtime} <= set(paths)
        # The secret is there, so that the test could fail.
        holders = [
            path for path in paths if path.is_file() and token.group(1) in path.read_text("utf8", "replace")
        ]
        assert LOG in holders
        assert any(runtime in path.parents for path in holders)
        assert [str(path) for path in paths if _others_can_read(path)] == []
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
    assert not runtime.exists()


def _others_can_read(path: Path) -> bool:
    return bool(path.lstat().st_mode & 0o077) and not path.is_symlink()
