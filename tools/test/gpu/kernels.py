"""Writes kernels.json: which operations TensorFlow's build for GPUs computes on a GPU, for which types, and what of it lies on the host.

    python tools/test/gpu/kernels.py FOLDER

FOLDER holds what `pip install --target FOLDER -r tools/setup/requirements/tensorflow-gpu.txt` unpacks. No GPU is needed: the
library is asked for the kernels that are registered in it.
"""

import ctypes
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "lib" / "test" / "compile"))
from protobuf import Buffer, fields, packed

TABLE = HERE.parents[2] / "lib" / "src" / "compile" / "ir" / "operations" / "table.ts"

# Of types.proto: those that tensors of TensorFlow.js, and what the graph itself hands on, have.
TYPES = {1: "float32", 3: "int32", 8: "complex64", 10: "bool", 20: "resource", 21: "variant"}


def kernel_list(folder: Path) -> bytes:
    """The registered kernels, a KernelList of kernel_def.proto."""
    ctypes.CDLL(str(folder / "tensorflow" / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
    tensorflow = ctypes.CDLL(str(folder / "tensorflow" / "libtensorflow_cc.so.2"))
    tensorflow.TF_NewStatus.restype = ctypes.c_void_p
    tensorflow.TF_GetAllRegisteredKernels.restype = ctypes.POINTER(Buffer)
    tensorflow.TF_GetAllRegisteredKernels.argtypes = [ctypes.c_void_p]
    return tensorflow.TF_GetAllRegisteredKernels(tensorflow.TF_NewStatus()).contents.content()


def values(message: bytes, wanted: int):
    """The values of a field of a protocol buffer message."""
    return (content for number, content in fields(message) if number == wanted)


def text(message: bytes, wanted: int) -> str:
    return next(values(message, wanted), b"").decode()


def types_of(constraint: bytes) -> set[str]:
    """The types that a constraint allows: an AttrValue with a list of them, packed or not."""
    numbers: set[int] = set()
    for allowed in values(constraint, 2):
        for listed in values(allowed, 1):
            for value in values(listed, 6):
                numbers.update([value] if isinstance(value, int) else packed(value))
    return {TYPES[value] for value in numbers if value in TYPES}


def describe(kernel: bytes) -> str | None:
    """Such as `Tparams=float32 Tindices=int32; host: axis`; None where it is for other types."""
    constraints = {text(constraint, 1): types_of(constraint) for constraint in values(kernel, 3)}
    if not all(constraints.values()):
        return None
    types = " ".join(f"{name}={'|'.join(sorted(allowed))}" for name, allowed in sorted(constraints.items()))
    host = ",".join(sorted(value.decode() for value in values(kernel, 4)))
    return f"{types}; host: {host}" if host else types


def main() -> None:
    operations = set(re.findall(r"^  (?:row\()?'(\w+)\(", TABLE.read_text(encoding="utf8"), re.MULTILINE))
    table: dict[str, set[str]] = {}
    for kernel in values(kernel_list(Path(sys.argv[1])), 1):
        operation, device, label = (text(kernel, field) for field in (1, 2, 5))
        if operation in operations and device in ("GPU", "DEFAULT") and not label:
            described = describe(kernel)
            if described is not None:
                table.setdefault(operation, set()).add(described)
    result = {operation: sorted(table[operation]) for operation in sorted(table)}
    (HERE / "kernels.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf8")
    print(len(operations), "operations,", len(result), "of them with kernels for a GPU")
    print("without any:", ", ".join(sorted(operations - set(result))))


main()
