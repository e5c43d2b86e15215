"""JupyterLab on this machine only, with the TypeScript kernel, in the notebooks folder of the repository.

What JupyterLab writes for itself goes to .liandan; its log to .liandan/logs/lab.log. Arguments are JupyterLab's own,
such as --no-browser or --port 8899.
"""

from __future__ import annotations

import os
import sys
import time

from notebooks import ROOT, keep_inside_repository

LOG = ROOT / ".liandan" / "logs" / "lab.log"


def arguments(given: list[str]) -> list[str]:
    """JupyterLab's arguments: those given, and ours for what they do not say."""
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
        ours.append("--allow-root")
    said = {argument.split("=")[0] for argument in given}
    return [argument for argument in ours if argument.split("=")[0] not in said] + given


def main() -> int:
    started = time.monotonic()
    keep_inside_repository()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    # Imported only now: Jupyter decides at import where its folders are.
    from jupyterlab.labapp import LabApp

    with LOG.open("w") as log:
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            server = LabApp.initialize_server(argv=arguments(sys.argv[1:]))
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
    print(f"Ctrl-C stops it. Log: {LOG.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
