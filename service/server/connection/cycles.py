"""Requests that are answered while they may still come in, on uvicorn's state of a request and its answer."""

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class PiecewiseCycle(RequestResponseCycle):
    """A request that is read piece by piece.

    Attributes:
        fault: what is wrong with its body.
    """

    fault: Exception | None = None

    async def receive(self) -> ASGIReceiveEvent:
        """Receive as from uvicorn's class, and raise what is wrong with the body."""
        message = await super().receive()
        if self.fault is not None:
            raise self.fault
        return message


class Http10Cycle(PiecewiseCycle):
    """A request of HTTP/1.0, whose client knows no chunks: the end of the connection ends an answer of unknown length.

    A body of unknown length is sent without chunks, and then the connection is closed.
    """

    _has_length = True

    async def send(self, message: ASGISendEvent) -> None:
        """Send as uvicorn's class does, but never in chunks."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
            # With a value set here, uvicorn does not decide by the headers.
            self.chunked_encoding = None if self._has_length else False
        elif message["type"] == "http.response.body" and not self._has_length:
            self.expected_content_length = len(message["body"])
        await super().send(message)
