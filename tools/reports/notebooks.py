"""Where notebooks, their executed copies and their results are, and how they are read and written."""

from __future__ import annotations

import atexit
import hashlib
import json
import math
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from schema import problem

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"


class UsageError(Exception):
    """What the user asked for cannot be done; the message says what can."""


def own_folder() -> Path:
    """Where this user's results go: the checkout, or where it is closed to her (a class server) a private temporary folder.

    Raises UsageError when somebody else has made that folder.
    """
    places = [ROOT, *(path for path in (ROOT / ".liandan", ROOT / "reports") if path.exists())]
    if all(os.access(place, os.W_OK | os.X_OK) for place in places):
        return ROOT
    folder = Path(tempfile.gettempdir()) / f"liandan-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UsageError(
            f"{folder} is not a private folder of yours; remove it, or set TMPDIR to a folder that is"
        )
    return folder


def is_foreign() -> bool:
    """Whether this checkout is closed to the user who runs it."""
    return OWN != ROOT


try:
    OWN = own_folder()
except UsageError as error:
    sys.exit(f"error: {error}")
REPORTS = OWN / "reports"
STATE = OWN / ".liandan"
LANGUAGES = ("en", "zh")

FIGURE = "application/vnd.plotly.v1+json"
CHECK = "application/vnd.liandan.check+json"
APPENDIX = "application/vnd.liandan.appendix+json"

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def select(prefixes: Sequence[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks of a folder whose names start with one of the prefixes (all without prefixes), in order.

    Raises UsageError when the folder has none, or a prefix matches none.
    """
    found = sorted(folder.glob("[0-9][0-9]-*.ipynb"))
    names = ", ".join(path.stem for path in found) or "none"
    if not found:
        raise UsageError(f"no notebook named NN-name.ipynb in {folder}")
    for prefix in prefixes:
        if not any(path.stem.startswith(prefix) for path in found):
            raise UsageError(f'no notebook starts with "{prefix}"; there are: {names}')
    return [path for path in found if not prefixes or path.stem.startswith(tuple(prefixes))]


def read(path: Path) -> NotebookNode:
    """A notebook in nbformat 4; raises UsageError when the file is not one."""
    try:
        return clean(nbformat.read(path, as_version=4))
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise UsageError(f"{path}: not a readable notebook: {error}") from error


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """The cells that run, each with the number that Jupyter shows as In[number] after Run All."""
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            number += 1
            yield number, cell


def tags(cell: NotebookNode) -> list[str]:
    found = cell.metadata.get("tags", [])
    return [str(tag) for tag in found] if isinstance(found, list) else []


def clean(value: Any) -> Any:
    """The same value as text that every encoder and every browser takes: no half characters, no numbers beyond JSON's.

    Dictionaries are changed in place.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        try:
            return value if math.isfinite(value) else None
        except OverflowError:
            return None
    if isinstance(value, dict):
        for key in list(value):
            item = clean(value[key])
            if not isinstance(key, str) or clean(key) != key:
                del value[key]
            value[clean(str(key))] = item
        return value
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return str(value)


def in_language(notebook: NotebookNode, language: str) -> list[NotebookNode]:
    """The cells of one language: those tagged for it and those tagged for none."""
    others = {f"lang:{other}" for other in LANGUAGES if other != language}
    return [cell for cell in notebook.cells if not others.intersection(tags(cell))]


def has_language(notebook: NotebookNode, language: str) -> bool:
    return any(f"lang:{language}" in tags(cell) for cell in notebook.cells)


def title(notebook: NotebookNode, language: str, default: str) -> str:
    """The first heading of level one in the language."""
    for cell in in_language(notebook, language):
        heading = re.search(r"^#\s+(.+?)\s*#*$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading.group(1)
    return default


def inputs(notebook: NotebookNode, library: str) -> str:
    """Changes when a cell's type, tags or source changes, or what it runs on; outputs do not count."""
    cells = [[cell.cell_type, tags(cell), cell.source] for cell in notebook.cells]
    return hashlib.sha256(json.dumps([cells, library]).encode()).hexdigest()[:16]


def hash_of_library(kernel: dict[str, Any]) -> str:
    """Changes with what notebooks run on: library, kernel and its settings, packages, data."""
    sources = [
        *(path for folder in ("lib", "kernel") for path in sorted((ROOT / folder / "src").rglob("*.ts"))),
        ROOT / "package-lock.json",
        *sorted((ROOT / "tools" / "setup" / "requirements").glob("*.txt")),
        *sorted(Path(os.environ.get("LIANDAN_DATA", ROOT / "data")).glob("*.gz")),
    ]
    total = hashlib.sha256(json.dumps(kernel, sort_keys=True).encode())
    for path in sources:
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def plain(text: str) -> str:
    """The text without terminal colours."""
    return _ANSI.sub("", text)


def write_atomically(path: Path, text: str) -> None:
    """Writes beside the target and renames, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        beside.write_text(text, "utf8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def remove_partial_files(reports: Path) -> None:
    """Removes what processes that were killed have left half written."""
    for folder in (reports, reports / "executed", reports / "results"):
        for path in folder.glob(".*.partial") if folder.is_dir() else ():
            process = path.name.split(".")[-2]
            if not process.isdecimal() or not is_running(int(process)):
                path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def last_result(path: Path, reports: Path) -> dict[str, Any] | None:
    """What run_notebooks.py wrote about the last run of a notebook; None when it has not run.

    A file that is damaged or comes from another version counts as no run.
    """
    try:
        result = json.loads((reports / "results" / f"{path.stem}.json").read_text("utf8"))
    except (FileNotFoundError, ValueError):
        return None
    return None if problem("result", result) else result


def make_private(folder: Path) -> Path:
    """A folder that only its owner can enter, with files that only she can read, whatever it was before."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
    return folder


def keep_inside_repository() -> None:
    """Makes Jupyter read and write its own files under .liandan, never in the home folder, and for the owner alone.

    Among these files are connection keys and the token of a server. Those of a process that was killed are removed.
    """
    jupyter = make_private(STATE / "jupyter")
    runtime = make_private(jupyter / "runtime")
    for left in runtime.iterdir():
        if not left.name.isdecimal() or not is_running(int(left.name)):
            shutil.rmtree(left, ignore_errors=True)
            left.unlink(missing_ok=True) if left.is_file() else None
    folders = {
        "JUPYTER_CONFIG_DIR": jupyter / "config",
        "JUPYTER_DATA_DIR": jupyter / "data",
        "JUPYTER_RUNTIME_DIR": runtime / str(os.getpid()),
        "IPYTHONDIR": jupyter / "ipython",
    }
    for name, folder in folders.items():
        os.environ[name] = str(make_private(folder))
    atexit.register(shutil.rmtree, folders["JUPYTER_RUNTIME_DIR"], ignore_errors=True)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def fail(error: UsageError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
