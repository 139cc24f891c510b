"""Answer ``infer`` of the Open Inference Protocol, and find the network that a path names."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
from starlette.types import Scope

from forecasting.errors import UnknownNameError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL
from service.api.dependencies import ready
from service.api.inference.messages import read_request, wants_binary, write_answer
from service.api.inference.tensors import input_specs, read_inputs
from service.engine.lifecycle import Lifecycle
from service.engine.serving import SMALL, Serving
from service.gate.call import Headers
from service.gate.gate import Hold, RawAnswer
from service.http.media import weighed
from service.http.query import merge_query_and_body, read_query
from service.settings import Settings

_COMPRESS: Final[dict[str, Callable[[bytes, int], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
_FASTEST_LEVEL: Final = 1
_MIN_COMPRESSED_BYTES: Final = 1_024
"""A shorter answer fits into one packet without compression."""


async def answer_infer(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes, _: Hold
) -> RawAnswer:
    """Answer ``POST …/infer``. The gate calls this too, without FastAPI.

    Raises:
        ForecastError: if the model is unknown.
        ProblemError: if the service is not ready, or the request is malformed.
        RequestValidationError: if the query or the JSON is invalid.
    """
    serving, path = ready(lifecycle), scope["path_params"]
    model, version, dataset = path["model"], path.get("version"), query_dataset(scope)
    forecaster = find_model(serving, model, version, dataset)
    request, tail = read_request(body, headers, settings)
    if request.parameters is not None and request.parameters.dataset is not None:
        dataset = merge_query_and_body("dataset", dataset, request.parameters.dataset)
        forecaster = find_model(serving, model, version, dataset)
    metadata = forecaster.metadata
    binary = wants_binary(request)
    sst, valid_time = read_inputs(request, tail, input_specs(metadata.window), settings.max_series)
    forecast = await serving.runner(forecaster).infer(sst, valid_time) if len(sst) else np.empty(0, np.float32)
    content, answer_headers = write_answer(metadata.model, metadata.version, request.id, forecast, binary)
    encoding = _encoding(headers) if len(content) >= _MIN_COMPRESSED_BYTES else None
    if encoding is None:
        return content, answer_headers
    compress, is_large = _COMPRESS[encoding], len(sst) > SMALL
    compressed = (
        await asyncio.to_thread(compress, content, _FASTEST_LEVEL) if is_large else compress(content, _FASTEST_LEVEL)
    )
    return compressed, (*answer_headers, (b"content-encoding", encoding.encode()))


def find_model(serving: Serving, model: str, version: str | None = None, dataset: str | None = None) -> Forecaster:
    """Return the network that a path names, within ``dataset``.

    Raises:
        UnknownNameError: if no model has this name, or another version of it is loaded.
        RequestError: if a full name contradicts ``dataset``.
    """
    if model == ALL:
        raise UnknownNameError("'all' is not a single model; POST /v2/repository/index lists the models")
    (forecaster,) = serving.resolve(model, dataset)
    loaded = forecaster.metadata.version
    if version not in (None, loaded):
        raise UnknownNameError(f"{forecaster.metadata.model} has no version {version[:64]!r}: {loaded} is loaded")
    return forecaster


def query_dataset(scope: Scope) -> str | None:
    """Return the dataset that the query names, if any.

    Raises:
        RequestValidationError: if the query holds another parameter.
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
