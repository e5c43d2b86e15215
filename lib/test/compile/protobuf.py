"""Reads what TensorFlow's C API describes itself by: protocol buffers, without their library."""

import ctypes


class Buffer(ctypes.Structure):
    """TF_Buffer of TensorFlow's C API."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]

    def content(self):
        return ctypes.string_at(self.data, self.length)


def varint(message, position):
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def fields(message):
    """The fields of a message: pairs of number and content."""
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        if key & 7 == 0:
            content, position = varint(message, position)
        else:
            length, position = (
                varint(message, position) if key & 7 == 2 else (8 if key & 7 == 1 else 4, position)
            )
            content, position = message[position : position + length], position + length
        yield key >> 3, content


def packed(message):
    """The numbers of a packed field."""
    position = 0
    while position < len(message):
        number, position = varint(message, position)
        yield number
