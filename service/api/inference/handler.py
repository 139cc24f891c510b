"""Answer ``infer`` of the Open Inference Protocol."""

import gzip
import zlib
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from service.api.dependencies import ready
from service.api.inference.messages import read_request, wanted_outputs, write_answer
from service.api.inference.models import find_model
from service.api.inference.tensors import read_inputs
from service.engine.forecasting import SMALL
from service.engine.lifecycle import Lifecycle
from service.http.media import Headers, weighed
from service.http.query import merge_query_and_body, read_query
from service.settings import Settings

_COMPRESS: Final[dict[str, Callable[[bytes, int], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
_FASTEST_LEVEL: Final = 1
_MIN_COMPRESSED_BYTES: Final = 1_024
"""A shorter answer fits into one packet without compression."""


async def answer_infer(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes
) -> Response:
    """Answer ``POST …/infer``.

    Raises:
        ForecastError: if the model is unknown.
        ProblemError: if the service is not ready, or the request is malformed.
        RequestValidationError: if the query or the JSON is invalid.
    """
    serving, path = ready(lifecycle), scope["path_params"]
    name, version, dataset = path["model"], path.get("version"), query_dataset(scope)
    model = find_model(serving, name, version, dataset)
    request, tail = await read_request(serving, body, headers, settings)
    if request.parameters is not None and request.parameters.dataset is not None:
        dataset = merge_query_and_body("dataset", dataset, request.parameters.dataset)
        model = find_model(serving, name, version, dataset)
    wanted = wanted_outputs(request, model.outputs)
    inputs = read_inputs(request, tail, model.inputs, settings.max_series)
    outputs = await model.infer(inputs)
    content, answer_headers = write_answer(model.name, model.version, request.id, outputs, wanted)
    encoding = _encoding(headers) if len(content) >= _MIN_COMPRESSED_BYTES else None
    if encoding is None:
        return Response(content, headers=answer_headers)
    compress, is_large = _COMPRESS[encoding], len(inputs[0]) > SMALL
    compressed = (
        await serving.run_in_worker(compress, content, _FASTEST_LEVEL)
        if is_large
        else compress(content, _FASTEST_LEVEL)
    )
    return Response(compressed, headers=answer_headers | {"Content-Encoding": encoding})


def query_dataset(scope: Scope) -> str | None:
    """Return the dataset that the query names, if any.

    Raises:
        RequestValidationError: if the query holds another parameter, or several datasets.
    """
    query = scope["query_string"]
    return (read_query(query, ("dataset",)).get("dataset", [""])[-1] or None) if query else None


def _encoding(headers: Headers) -> str | None:
    """Return the first compression that the client accepts and this protocol's clients can decompress."""
    accepted = headers.get(b"accept-encoding", b"").decode("latin-1").lower()
    for name, weight in map(weighed, accepted.split(",")):
        if name in _COMPRESS and weight > 0:
            return name
    return None
