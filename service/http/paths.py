"""What holds for a path before a route sees the request: what the service and its plug-ins say, in one place."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

PATHS: Final = "paths"
"""Key in the scope of every request: the :class:`Paths` of the service."""

FILE: Final = r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+"
"""What may follow an open folder: plain characters only, and no segment that is empty or begins with a dot."""


class Protocol(NamedTuple):
    """A protocol that others have defined: its errors have a form of their own, and its responses are compressed there.

    It has the path ``prefix`` and all below. ``refusal`` makes the response from a status, a sentence and headers.
    """

    prefix: str
    error: type[BaseModel]
    refusal: Callable[[int, str, Mapping[str, str]], Response]


class Stream(NamedTuple):
    """A body that the POST route of a path reads piece by piece, as the client sends it."""

    path: str
    media_type: str
    answer: Callable[[Request], Response]
    """Begins the response."""
    responses: Sequence[str] = ()
    """Media types of the response, if the document of the route does not have them."""
    description: str = ""
    """What the document of the route says of the body, likewise."""


class Paths:
    """What holds for the paths of a service."""

    def __init__(
        self,
        open_paths: Iterable[str] = (),
        operators: Iterable[str] = (),
        streams: Iterable[Stream] = (),
        protocols: Iterable[Protocol] = (),
    ) -> None:
        """Take what the fields of these names say in each :class:`~service.plugin.Plugin`."""
        # Without any, nothing matches: an empty pattern would match an empty path.
        self._open = re.compile("|".join(open_paths) or r"(?!)")
        self._operators, self._protocols = tuple(operators), tuple(protocols)
        self.streamed = {(stream.path, stream.media_type): stream for stream in streams}
        """Bodies that are read piece by piece, by path and media type."""

    def is_open(self, path: str) -> bool:
        """Whether a decoded path never needs a key: one of the patterns must match all of it."""
        return self._open.fullmatch(path) is not None

    def is_operators(self, path: str) -> bool:
        """Whether a draining or full process also answers a path, because its operators rely on it."""
        return path.startswith(self._operators)

    def protocol(self, path: str) -> Protocol | None:
        """Return the protocol that a path belongs to."""
        return next((each for each in self._protocols if f"{path}/".startswith(f"{each.prefix}/")), None)


_NONE: Final = Paths()


def paths_of(scope: Scope) -> Paths:
    """Return what holds for the paths of the service that a request has come to."""
    paths: Paths = scope.get(PATHS, _NONE)
    return paths
