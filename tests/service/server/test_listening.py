"""A listening socket that closes resets nobody."""

import errno
import select
import socket

import pytest

from service.server.listening import accept_queued, hold_new_connections

ADDRESSES = ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_queued_connections_are_accepted_and_later_ones_are_refused(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.create_server((address, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2], timeout=60) as early,
        socket.socket(family) as late,
    ):
        listener.setblocking(False)
        hold_new_connections(listener)
        late.setblocking(False)
        assert late.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        (accepted,) = accept_queued(listener)
        listener.close()
        with accepted:
            early.sendall(b"request")
            assert accepted.recv(16) == b"request"
            accepted.sendall(b"answer")
            assert early.recv(16) == b"answer"
        # It tries again by itself, and was never told that it was connected.
        assert select.select([], [late], [], 60)[1]
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def test_an_empty_queue_yields_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert list(accept_queued(listener)) == []
