"""What a decoder process and its owner send each other: a line of JSON about what follows, and bytes.

Nothing is unpickled: a decoder that a hostile file took over cannot have its owner run code.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTHS = struct.Struct("<IQ")
MOST_HEAD_BYTES = 2**16

Head = dict[str, Any]


def send(connection: socket.socket, head: Head, body: bytes | memoryview = b"") -> None:
    """Send a message. Raises: OSError when the other end is gone."""
    words = json.dumps(head).encode()
    connection.sendall(_LENGTHS.pack(len(words), len(body)) + words)
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[Head, int]:
    """Wait for a message; returns its head and how many bytes follow, which `read_bytes` or `read_into` take.

    Raises: EOFError when the other end is gone, OSError, ValueError for what is no message.
    """
    head_bytes, body_bytes = _LENGTHS.unpack(read_bytes(connection, _LENGTHS.size))
    if head_bytes > MOST_HEAD_BYTES:
        raise ValueError("the head of a message is too long")
    head = json.loads(read_bytes(connection, head_bytes))
    if not isinstance(head, dict):
        raise ValueError("the head of a message is no object")
    return head, body_bytes


def read_bytes(connection: socket.socket, count: int) -> bytes:
    """Read so many bytes. Raises: EOFError, OSError."""
    read = connection.recv(count, socket.MSG_WAITALL)
    while len(read) < count:  # a signal came between
        more = connection.recv(count - len(read), socket.MSG_WAITALL)
        if not more:
            raise EOFError("the other process is gone")
        read += more
    return read


def read_into(connection: socket.socket, target: memoryview) -> None:
    """Fill some memory with what comes. Raises: EOFError, OSError."""
    position = 0
    while position < len(target):
        count = connection.recv_into(target[position:])
        if not count:
            raise EOFError("the other process is gone")
        position += count
