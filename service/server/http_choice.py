"""Chooses the HTTP protocol: the fast path, or uvicorn's own."""

import logging
from functools import partial
from typing import Any, Final

import uvicorn

from service.gate.gate import Gate
from service.settings import Settings

logger = logging.getLogger("service")

TESTED_UVICORN: Final = ("0.54",)
"""Versions of uvicorn that the tests run the fast path with: from the lower bound in pyproject.toml to the newest."""

STANDARD: Final = "auto"
"""uvicorn's name for its own choice: httptools if it is installed, else h11."""


def choose_http(settings: Settings, gate: Gate, version: str = uvicorn.__version__) -> Any:
    """Return what ``uvicorn.Config`` takes as ``http``.

    It is the fast path, unless ``SST_HTTP=standard`` is set or uvicorn has a ``version`` that the fast path is not
    tested with. The fast path uses private names of uvicorn, which may change with any version.
    """
    if settings.http == "standard":
        return STANDARD
    if ".".join(version.split(".")[:2]) not in TESTED_UVICORN:
        logger.warning(
            "the fast path is not tested with uvicorn %s: serving through stock uvicorn; install uvicorn %s to use the "
            "fast path, or set SST_HTTP=standard",
            version,
            TESTED_UVICORN[-1],
        )
        return STANDARD
    # Imported only here, since another uvicorn may lack what these modules import from it.
    from service.server.hot_path import HotPath
    from service.server.protocol import Protocol

    return partial(Protocol, HotPath(gate))
