"""Several processes listen on one socket, and none takes in all that wait."""

import asyncio
import socket
from contextlib import ExitStack

from service.server.accepting import Accepting


class Met(asyncio.Protocol):
    """Says in which turn of the loop a connection was made."""

    def __init__(self, turns: list[int], clock: list[int]) -> None:
        self.turns = turns
        self.clock = clock

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.turns.append(self.clock[0])
        transport.close()


async def taken(listener: socket.socket, count: int) -> list[int]:
    turns: list[int] = []
    clock = [0]
    accepting = Accepting(listener, lambda: Met(turns, clock))
    while len(turns) < count:
        clock[0] += 1
        await asyncio.sleep(0)
    accepting.close()
    await accepting.wait_closed()
    return turns


def test_connections_that_wait_are_let_in_one_a_turn() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(socket.create_connection(listener.getsockname()))
        turns = asyncio.run(taken(listener, 5))
    assert len(set(turns)) == 5


def test_who_waits_when_it_closes_is_left_to_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
        for _ in range(30):
            clients.enter_context(socket.create_connection(listener.getsockname()))
        asyncio.run(taken(listener, 2))
        for _ in range(15):
            left, _ = listener.accept()
            left.close()
