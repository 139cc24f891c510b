"""The Open Inference Protocol: what KServe's, Triton's and Seldon's clients call, under ``/v2``.

Those clients send any media type or none, so the endpoints read their bodies themselves.
"""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from importlib.metadata import version as installed_version
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.types import Scope

from forecasting.errors import UnknownNameError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL
from service.api.dependencies import LifecycleDep, ServingDep, SettingsDep, ready, refuse_draining
from service.api.forecast.answer import agreed
from service.api.inference.schemas import (
    ConfigParameter,
    InferRequest,
    InferResponse,
    ModelConfig,
    ModelMetadata,
    ModelReady,
    ModelStatistics,
    ServerLive,
    ServerMetadata,
    ServerReady,
    StatisticsResponse,
    TensorConfig,
    TensorMetadata,
)
from service.api.inference.tensors import (
    BINARY,
    FORECAST,
    TensorSpec,
    input_specs,
    read_inputs,
    read_request,
    wants_binary,
    write_answer,
)
from service.api.openapi import path_parameters, refusals, request_body
from service.engine.lifecycle import Lifecycle
from service.engine.serving import SMALL, Serving
from service.gate.call import Headers
from service.gate.gate import Hold, RawAnswer, unheld
from service.http.media import weighed
from service.http.query import read_query
from service.settings import Settings

router = APIRouter(prefix="/v2", tags=["inference protocol"])

PLATFORM: Final = "pytorch_torchscript"
EXTENSIONS: Final = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]

_COMPRESS: Final[dict[str, Callable[[bytes, int], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
_FASTEST: Final = 1
_WORTH_IT: Final = 1_024
"""Bytes: a shorter answer fits into one packet as it is."""

_MODEL: Final = "/models/{model}"
_VERSION: Final = "/models/{model}/versions/{version}"
INFER_PATHS: Final = [f"{router.prefix}{path}/infer" for path in (_MODEL, _VERSION)]
_NAMES: Final = "full name as nino12-gru, rnn, lstm, gru, or best"
_DATASET: Final = {
    "name": "dataset",
    "in": "query",
    "description": "whose release; default: the default dataset",
    "schema": {"type": "string"},
}


def _documented(**path: str) -> dict[str, Any]:
    return {
        "responses": refusals(400, 404, 503),
        "openapi_extra": {"parameters": [*path_parameters(**path)["parameters"], _DATASET]},
    }


_OF_MODEL: Final = _documented(model=_NAMES)
_OF_VERSION: Final = _documented(model=_NAMES, version="the release that is loaded")
_INFER_BODY: Final = request_body(InferRequest, BINARY)
_INFER_ANSWER: Final[dict[str, Any]] = {"content": {BINARY: {}}}
_INFER_ERRORS: Final = refusals(400, 404, 413, 415, 503, 504)


def find_model(serving: Serving, model: str, version: str | None = None, dataset: str | None = None) -> Forecaster:
    """The network that a path names, within ``dataset``.

    Raises:
        UnknownNameError: if there is none of that name, or its release is another.
        RequestError: if a full name contradicts ``dataset``.
    """
    if model == ALL:
        raise UnknownNameError("all is not one model; POST /v2/repository/index lists them")
    (forecaster,) = serving.resolve(model, dataset)
    loaded = forecaster.metadata.version
    if version not in (None, loaded):
        raise UnknownNameError(f"{forecaster.metadata.model} has no version {version[:64]!r}: {loaded} is loaded")
    return forecaster


async def _forecaster(request: Request, serving: ServingDep) -> Forecaster:
    path, dataset = request.path_params, _dataset(request.scope)
    return find_model(serving, path["model"], path.get("version"), dataset)


def _dataset(scope: Scope) -> str | None:
    """The one that the query names.

    Raises:
        RequestValidationError: if it names anything else.
    """
    query = scope["query_string"]
    return (read_query(query, ("dataset",)).get("dataset", [""])[-1] or None) if query else None


ForecasterDep = Annotated[Forecaster, Depends(_forecaster)]


@router.get("", responses=refusals(400))
async def server_metadata() -> ServerMetadata:
    """What answers, and which extensions of the protocol it has."""
    return ServerMetadata(name="sst-forecasting", version=installed_version("sst-forecasting"), extensions=EXTENSIONS)


@router.get("/health/live")
async def server_live() -> ServerLive:
    """The process answers."""
    return ServerLive()


@router.get("/health/ready", responses=refusals(503))
async def server_ready(lifecycle: LifecycleDep) -> ServerReady:
    """Every model is loaded, verified and warmed up, but for those that were unloaded.

    503 with the reason where not, and by a process about to stop.
    """
    ready(lifecycle)
    refuse_draining(lifecycle)
    return ServerReady()


@router.get("/models/stats", responses=refusals(400, 503))
async def all_statistics(serving: ServingDep) -> StatisticsResponse:
    """Counts and durations of every model, in the process that answers."""
    return StatisticsResponse(model_stats=[_statistics(serving, one) for one in serving.registry.models])


@router.get(_MODEL + "/stats", **_OF_MODEL)
@router.get(_VERSION + "/stats", **_OF_VERSION)
async def model_statistics(serving: ServingDep, forecaster: ForecasterDep) -> StatisticsResponse:
    """Counts and durations of one model, in the process that answers."""
    return StatisticsResponse(model_stats=[_statistics(serving, forecaster)])


@router.get(_MODEL + "/config", **_OF_MODEL)
@router.get(_VERSION + "/config", **_OF_VERSION)
async def model_config(forecaster: ForecasterDep, settings: SettingsDep) -> ModelConfig:
    """A model's configuration, as Triton has it."""
    metadata = forecaster.metadata
    said = {"dataset": metadata.dataset, "cell": metadata.cell, "step": metadata.step, "units": metadata.units}
    return ModelConfig(
        name=metadata.model,
        platform=PLATFORM,
        max_batch_size=0,
        input=[_tensor_config(spec) for spec in input_specs(metadata.window)],
        output=[_tensor_config(FORECAST)],
        parameters={
            name: ConfigParameter(string_value=value)
            for name, value in {**said, "max_rows": str(settings.max_series)}.items()
        },
    )


@router.get(_MODEL + "/ready", **_OF_MODEL)
@router.get(_VERSION + "/ready", **_OF_VERSION)
async def model_ready(forecaster: ForecasterDep) -> ModelReady:
    """Whether a model can be asked: what is loaded can."""
    return ModelReady(name=forecaster.metadata.model, ready=True)


@router.get(_MODEL, **_OF_MODEL)
@router.get(_VERSION, **_OF_VERSION)
async def model_metadata(forecaster: ForecasterDep) -> ModelMetadata:
    """What a model takes and gives."""
    metadata = forecaster.metadata
    return ModelMetadata(
        name=metadata.model,
        versions=[metadata.version],
        platform=PLATFORM,
        inputs=[_tensor_metadata(spec) for spec in input_specs(metadata.window)],
        outputs=[_tensor_metadata(FORECAST)],
    )


@router.post(
    _MODEL + "/infer",
    response_model=InferResponse,
    responses={200: _INFER_ANSWER, **_INFER_ERRORS},
    openapi_extra={**_OF_MODEL["openapi_extra"], **_INFER_BODY},
)
@router.post(
    _VERSION + "/infer",
    response_model=InferResponse,
    responses={200: _INFER_ANSWER, **_INFER_ERRORS},
    openapi_extra={**_OF_VERSION["openapi_extra"], **_INFER_BODY},
)
async def infer(request: Request) -> Response:
    """Run the network itself: windows of SST in, the SST one step ahead out.

    Tensors come as JSON, or as raw little-endian bytes behind it, in the order of the inputs; the header
    ``Inference-Header-Content-Length`` then holds the length of the JSON, and each input its length as the parameter
    ``binary_data_size``.
    """
    state, scope = request.app.state, request.scope
    content, headers = await answer(
        state.lifecycle, state.settings, scope, dict(scope["headers"]), await request.body(), unheld
    )
    return Response(content, headers={name.decode(): value.decode() for name, value in headers})


async def answer(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes, _: Hold
) -> RawAnswer:
    """The answer of :func:`infer`: for the gate too, which calls it without FastAPI."""
    serving, path = ready(lifecycle), scope["path_params"]
    model, version, dataset = path["model"], path.get("version"), _dataset(scope)
    forecaster = find_model(serving, model, version, dataset)
    request, tail = read_request(body, headers, settings)
    if request.parameters is not None and request.parameters.dataset is not None:
        forecaster = find_model(serving, model, version, agreed("dataset", dataset, request.parameters.dataset))
    metadata = forecaster.metadata
    binary = wants_binary(request)
    sst, valid_time = read_inputs(request, tail, input_specs(metadata.window), settings.max_series)
    forecast = await serving.runner(forecaster).infer(sst, valid_time) if len(sst) else np.empty(0, np.float32)
    content, own_headers = write_answer(metadata.model, metadata.version, request.id, forecast, binary)
    encoding = _encoding(headers) if len(content) >= _WORTH_IT else None
    if encoding is None:
        return content, own_headers
    compress = _COMPRESS[encoding]
    large = len(sst) > SMALL
    packed = await asyncio.to_thread(compress, content, _FASTEST) if large else compress(content, _FASTEST)
    return packed, (*own_headers, (b"content-encoding", encoding.encode()))


def _encoding(headers: Headers) -> str | None:
    """The compression that a client reads, of those that this protocol's clients do."""
    accepted = headers.get(b"accept-encoding", b"").decode("latin-1").lower()
    for name, weight in map(weighed, accepted.split(",")):
        if name in _COMPRESS and weight > 0:
            return name
    return None


def _statistics(serving: Serving, forecaster: Forecaster) -> ModelStatistics:
    metadata = forecaster.metadata
    figures = serving.runner(forecaster).statistics.snapshot()
    return ModelStatistics(name=metadata.model, version=metadata.version, batch_stats=[], **figures)


def _tensor_metadata(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))


def _tensor_config(spec: TensorSpec) -> TensorConfig:
    return TensorConfig(name=spec.name, data_type=f"TYPE_{spec.datatype}", dims=list(spec.shape))
