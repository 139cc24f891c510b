"""Several processes listen on one socket, and no process accepts all connections that wait."""

import asyncio
import socket
from contextlib import ExitStack

from service.server.accepting import Accepting


class Met(asyncio.Protocol):
    """Records in which turn of the loop a connection was made."""

    def __init__(self, turns: list[int], clock: list[int]) -> None:
        self.turns = turns
        self.clock = clock

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.turns.append(self.clock[0])
        transport.close()


async def accept_turns(listener: socket.socket, count: int) -> list[int]:
    turns: list[int] = []
    clock = [0]
    accepting = Accepting(listener, lambda: Met(turns, clock))
    while len(turns) < count:
        clock[0] += 1
        await asyncio.sleep(0)
    accepting.close()
    await accepting.wait_closed()
    return turns


def test_one_waiting_connection_is_accepted_in_each_turn_of_the_loop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(socket.create_connection(listener.getsockname()))
        turns = asyncio.run(accept_turns(listener, 5))
    assert len(set(turns)) == 5


def test_connections_that_wait_at_the_close_are_left_to_other_processes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
        for _ in range(30):
            clients.enter_context(socket.create_connection(listener.getsockname()))
        asyncio.run(accept_turns(listener, 2))
        for _ in range(15):
            left, _ = listener.accept()
            left.close()
