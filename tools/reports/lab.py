"""JupyterLab on this machine only, with the TypeScript kernel, in the notebooks folder of the repository.

What JupyterLab writes for itself goes to .liandan; its log, which holds the token, to .liandan/logs/lab.log. Only their
owner can read them. Arguments are JupyterLab's own, such as --no-browser or --port 8899.
"""

from __future__ import annotations

import os
import sys
import time
from typing import IO, Any

from notebooks import OWN, ROOT, STATE, is_foreign, keep_inside_repository, make_private

LOG = STATE / "logs" / "lab.log"


def arguments(given: list[str], aliases: dict[str, Any]) -> list[str]:
    """JupyterLab's arguments: those given, and ours for what they do not say, under whichever of its names."""
    ours = [
        f"--ServerApp.root_dir={ROOT}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.answer_yes=True",
        "--LabApp.default_url=/lab/tree/notebooks",
        "--KernelSpecManager.ensure_native_kernel=False",
        "--KernelSpecManager.allowed_kernelspecs=liandan",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=",
        "--LabApp.extension_manager=readonly",
    ]
    if os.geteuid() == 0:
        ours.append("--ServerApp.allow_root=True")
    names = [argument.split("=")[0].lstrip("-") for argument in given if argument.startswith("-")]
    # An alias is a name, or a pair of it and its description.
    meant = {name: alias[0] if isinstance(alias, tuple) else alias for name, alias in aliases.items()}
    meant |= {"allow-root": "ServerApp.allow_root", "y": "ServerApp.answer_yes"}
    said = {meant.get(name, name) for name in names}
    return [argument for argument in ours if argument.split("=")[0].lstrip("-") not in said] + given


def open_log() -> IO[str]:
    """A new file that nobody else can have prepared or can read."""
    make_private(LOG.parent)
    LOG.unlink(missing_ok=True)
    return os.fdopen(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf8")


def main() -> int:
    started = time.monotonic()
    # Whatever Jupyter writes holds, or may hold, the token.
    os.umask(0o077)
    keep_inside_repository()
    # Imported only now: Jupyter decides at import where its folders are.
    from jupyter_server.serverapp import aliases
    from jupyterlab.labapp import LabApp

    with open_log() as log:
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            server = LabApp.initialize_server(argv=arguments(sys.argv[1:], aliases))
            server.io_loop.add_callback(announce, server.local_url, started)
            server.start()
        except SystemExit as stop:
            if not stop.code:
                return 0
            os.dup2(terminal, 2)
            tail = LOG.read_text("utf8", "replace").splitlines()[-8:]
            print("\n".join(["JupyterLab did not start:", *tail, f"Whole log: {LOG}"]), file=sys.stderr)
            return 1
    print("JupyterLab has stopped.")
    return 0


def announce(address: str, started: float) -> None:
    print(f"JupyterLab runs at {address}  ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"Ctrl-C stops it. Log: {LOG.relative_to(OWN)}", flush=True)
    if is_foreign():
        print(
            f"This checkout is closed to you: what you change here is not saved. To keep it: git clone {ROOT}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
