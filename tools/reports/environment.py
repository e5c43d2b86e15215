"""The environment in which notebooks run, as facts for a reader who wants to compare numbers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from typing import Any

from notebooks import ROOT

_FACTS = "console.log('\\n' + JSON.stringify(require('liandan').describeRuntime()));"


def describe(node: str, node_environment: dict[str, str], profile: str) -> dict[str, Any]:
    """Date, commit, profile, operating system, and what the library says about its runtime (schemas/run.schema.json).

    Where TensorFlow does not load, the reason stands under `error` instead.
    """
    facts: dict[str, Any] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "profile": profile,
        "os": _operating_system(),
    }
    try:
        done = subprocess.run(
            [node, "-e", _FACTS],
            cwd=ROOT,
            env={**os.environ, **node_environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        facts.update(json.loads(done.stdout.strip().splitlines()[-1]))
    except subprocess.CalledProcessError as error:
        facts["error"] = (error.stderr or str(error)).strip()[-1000:]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        facts["error"] = str(error)
    return facts


def _commit() -> str | None:
    """The commit of this checkout, marked where files differ from it; None outside git."""
    if not (ROOT / ".git").exists():
        return None
    try:
        command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
