"""The Open Inference Protocol as a plug-in."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from service.http.paths import FILE, Protocol
from service.middleware.access import Guard
from service.middleware.keys import Role
from service.plugin import Plugin, Tag
from service.plugins.inference.routes import router
from service.plugins.inference.schemas import PREFIX, IndexRequest, InferenceError, InferRequest, LoadRequest

_JSON: Final = "application/json"
_REPOSITORY: Final = f"{PREFIX}/repository/"


def _refusal(status: int, detail: str, headers: Mapping[str, str]) -> Response:
    malformed = status == HTTPStatus.UNPROCESSABLE_ENTITY
    return Response(json.dumps({"error": detail}), HTTPStatus.BAD_REQUEST if malformed else status, headers, _JSON)


PLUGIN: Final = Plugin(
    [router],
    tags=[Tag("inference protocol", "Version 2 of the protocol of KServe, Triton and Seldon.", before="health")],
    bodies=[InferRequest, IndexRequest, LoadRequest],
    open_paths=[f"{PREFIX}/health{FILE}"],
    operators=[f"{PREFIX}/health/"],
    guards=[Guard((_REPOSITORY,), Role.ADMIN, "loading and unloading models need", frozenset({f"{_REPOSITORY}index"}))],
    # One of its clients asks for gzip everywhere but decompresses inferences only, which the routes compress.
    protocol=Protocol(PREFIX, InferenceError, _refusal),
)
