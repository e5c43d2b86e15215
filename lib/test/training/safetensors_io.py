"""Reads and writes files with the reference implementation: `read FILE` prints JSON, `write FILE` takes it from stdin."""

import ctypes
import json
import struct
import sys

from safetensors import TensorSpec, deserialize, serialize_file

FORMATS = {"F32": "f", "F64": "d", "I32": "i", "U8": "B", "BOOL": "?", "float32": "f", "int32": "i", "bool": "?"}


def read(path: str) -> None:
    with open(path, "rb") as file:
        content = file.read()
    tensors = {}
    for name, entry in deserialize(content):
        values = [value for (value,) in struct.iter_unpack("<" + FORMATS[entry["dtype"]], bytes(entry["data"]))]
        tensors[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "values": values}
    json.dump(tensors, sys.stdout)


def write(path: str) -> None:
    tensors, buffers = {}, []
    for name, entry in json.load(sys.stdin).items():
        values = entry["values"]
        data = struct.pack(f"<{len(values)}{FORMATS[entry['dtype']]}", *values)
        buffers.append(ctypes.create_string_buffer(data, len(data)))
        address = ctypes.addressof(buffers[-1])
        tensors[name] = TensorSpec(dtype=entry["dtype"], shape=entry["shape"], data_ptr=address, data_len=len(data))
    serialize_file(tensors, path, {"format": "pt"})


{"read": read, "write": write}[sys.argv[1]](sys.argv[2])
