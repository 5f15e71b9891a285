"""Reads an event file of TensorBoard by its definition: records with checksums, then Protocol Buffers. Prints
tag, step, the four bytes of the value and the time of every scalar."""
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    at, found = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                assert kind == 2, kind
                size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        found[key >> 3] = value
    return found


data, at, number = open(sys.argv[1], "rb").read(), 0, 0
while at < len(data):
    size, check = struct.unpack_from("<QI", data, at)
    assert check == masked(data[at:at + 8])
    message = data[at + 12:at + 12 + size]
    assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(message)
    at += 16 + size
    event = fields(message)
    if number == 0:
        assert event[3] == b"brain.Event:2", event
    else:
        value = fields(fields(event[5])[1])
        print(value[1].decode(), event[2], value[2].hex(), struct.unpack("<d", event[1])[0])
    number += 1
assert at == len(data)
