"""What this machine has to offer to notebooks that run side by side."""

from __future__ import annotations

import os
from pathlib import Path

# What a notebook needs at its peak, with TensorFlow and a compiled step.
BYTES_PER_NOTEBOOK = {"lesson": 2e9, "full": 8e9}


def cores() -> int:
    """Processors that this process may use, within the limits of a container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed


def memory() -> float:
    """Free memory in bytes, within the limits of a container; infinite where it cannot be found out."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        found.append(limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(found, default=float("inf"))


def jobs(profile: str) -> int:
    """How many notebooks run side by side where nobody says."""
    return max(1, int(min(cores(), 8, memory() / BYTES_PER_NOTEBOOK[profile])))


def limited_to(threads: int) -> dict[str, str]:
    """The environment of a kernel that keeps to its share of the processors."""
    return {
        name: str(threads) for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    }
