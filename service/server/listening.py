"""Stops a listening socket without resetting a connection.

When the last process closes a listening socket, the system resets every connection in its queue. Its clients were told
that they are connected, and may have sent a request. So no new connection may enter the queue before the last look
into it.
"""

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

_SO_ATTACH_FILTER: Final = 26

_TCP_FLAGS_OFFSET: Final = 13
_SYN: Final = 0x02
_SYN_AND_ACK: Final = 0x12

_DROP_SYN: Final = (
    (0x30, 0, 0, _TCP_FLAGS_OFFSET),  # load the byte with the flags of the TCP header
    (0x54, 0, 0, _SYN_AND_ACK),  # keep SYN and ACK
    (0x15, 0, 1, _SYN),  # SYN alone begins a connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # pass everything else
)
"""A program for the kernel's packet filter (``struct sock_filter``: code, jump if true, jump if false, operand)."""


def hold_new_connections(listener: socket.socket) -> None:
    """Keep new connections out of the queue of ``listener``, in every process that shares it.

    On Linux the system drops their first packet and completes the handshakes under way. A client tries again a second
    later, and finds either the next process that listens or nobody. Other systems only get a shorter queue.
    """
    if sys.platform != "linux":
        listener.listen(0)
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
        )
    except OSError:
        # A sandbox may forbid it.
        listener.listen(0)


def accept_queued(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept every connection in the queue of ``listener``, which does not block."""
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.ECONNABORTED:
                continue
            return
        yield connection
