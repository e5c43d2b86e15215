"""Prints the definitions of all operations of a TensorFlow library as JSON.

Name -> [inputs, outputs, is stateful, types that each type attribute may have (where they are restricted)].

Usage: operation_definitions.py <libtensorflow_cc>
"""

import ctypes
import json
import sys

from protobuf import Buffer, fields, packed

TYPES = {
    1: "float32",
    3: "int32",
    4: "uint8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    20: "resource",
    21: "variant",
}


def argument(message):
    """OpDef.ArgDef, written as in the table of the library."""
    field = dict(fields(message))
    if 6 in field:
        return f"{field[1].decode()}: [{field[6].decode()}]"
    kind = field[4].decode() if 4 in field else TYPES.get(field.get(3), str(field.get(3)))
    return f"{field[1].decode()}: {field[5].decode() + '*' if 5 in field else ''}{kind}"


def allowed_types(message):
    """OpDef.AttrDef: the name of the attribute, and the types that it may have."""
    field = dict(fields(message))
    values = dict(fields(dict(fields(field[7])).get(1, b""))) if 7 in field else {}
    return field[1].decode(), list(packed(values.get(6, b"")))


def definition(message):
    inputs, outputs, name, stateful, allowed = [], [], "", False, {}
    for number, content in fields(message):
        if number == 1:
            name = content.decode()
        elif number == 2:
            inputs.append(argument(content))
        elif number == 3:
            outputs.append(argument(content))
        elif number == 4:
            attribute, types = allowed_types(content)
            if types:
                allowed[attribute] = types
        elif number == 17:
            stateful = bool(content)
    return name, [inputs, outputs, stateful, allowed]


def main():
    library = ctypes.CDLL(sys.argv[1])
    library.TF_GetAllOpList.restype = ctypes.POINTER(Buffer)
    operations = library.TF_GetAllOpList().contents.content()
    print(json.dumps(dict(definition(content) for _, content in fields(operations))))


main()
