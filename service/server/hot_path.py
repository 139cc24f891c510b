"""The hot path: answers POST /forecast of a few series, from a request that has been read to the bytes of its answer.

A request needs no task, no message and no future here, and the answers of a batch are written right after one another.
Requests that the gate would refuse before the forecast, and those that are too large for a batch, are left to the gate.
So there is one place that decides what is refused, and how.
"""

from typing import Any, Final, Protocol

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.gate.call import Headers
from service.gate.gate import Gate

PATH: Final = "/forecast"


class Exchange(Protocol):
    """A request that has been read, and the way back to its client."""

    scope: Any

    def answer(self, status: int, lines: bytes, content: bytes) -> None:
        """Write the whole answer; ``lines`` are its headers."""


class HotPath:
    """Answers requests in place of the gate, where it can.

    Attributes:
        gate: answers all other requests.
        latest: the connection that was answered last, while it is open.
        proxies: those that are trusted to say whose requests they pass on.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.latest: object = None
        # uvicorn's type of an application does not fit the gate.
        app: Any = gate
        self.proxies = ProxyHeadersMiddleware(app, gate.settings.proxies).trusted_hosts

    def try_handle(self, exchange: Exchange, headers: Headers, body: bytes) -> bool:
        """Take over a request; return False, with nothing changed, if the gate has to answer it.

        The request must be one that the gate answers whole (:meth:`~service.gate.gate.Gate.is_direct`).
        """
        return False
