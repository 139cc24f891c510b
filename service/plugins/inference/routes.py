"""The routes of the Open Inference Protocol, under ``/v2``, for the clients of KServe, Triton and Seldon.

These clients send any media type or none, so the endpoints read their bodies themselves.
"""

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from importlib.metadata import version as installed_version
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.api.dependencies import (
    CatalogDep,
    LifecycleDep,
    ReleaseWatcherDep,
    ServingDep,
    SettingsDep,
    refuse_draining,
)
from service.api.openapi import BYTES, links, path_parameters, problems, request_body
from service.engine.forecasting import SMALL
from service.engine.releases.release_watcher import ReleaseWatcher
from service.engine.serving import Serving
from service.http.bodies import Headers, weighed
from service.http.query import merge_query_and_body
from service.middleware.access import KEY
from service.plugins.inference.models import InferenceModel, all_models, find_model
from service.plugins.inference.schemas import (
    EXAMPLES,
    PREFIX,
    ConfigParameter,
    IndexEntry,
    IndexRequest,
    InferenceError,
    InferRequest,
    InferResponse,
    LoadRequest,
    LoadResponse,
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
from service.plugins.inference.tensors import (
    BINARY,
    TensorSpec,
    malformed,
    read_inputs,
    read_request,
    wanted_outputs,
    write_response,
)
from service.worker.json_bodies import read_json

router = APIRouter(prefix=PREFIX, tags=["inference protocol"])

refusals: Final = partial(problems, model=InferenceError)

PLATFORM: Final = "pytorch_torchscript"
EXTENSIONS: Final = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]

_MODEL: Final = "/models/{model}"
_VERSION: Final = "/models/{model}/versions/{version}"
_NAMES: Final = "The full name of a model, such as `nino12-gru`; or `rnn`, `lstm`, `gru` or `best`."
_DATASET: Final = {
    "name": "dataset",
    "in": "query",
    "description": "The dataset whose model to use. Defaults to the service's default dataset.",
    "schema": {"type": "string"},
}


def _of_model(operation_id: str, summary: str, **path: str) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "summary": summary,
        "responses": refusals(400, 404, 503),
        "openapi_extra": {"parameters": [*path_parameters(model=_NAMES, **path)["parameters"], _DATASET]},
    }


def _of_version(operation_id: str, summary: str) -> dict[str, Any]:
    return _of_model(operation_id, summary, version="The version of the loaded release.")


def _metadata(documented: dict[str, Any]) -> dict[str, Any]:
    of_model = links(
        "getModelConfig", "checkModelReadiness", "getModelStatistics", "runInference", model="$response.body#/name"
    )
    of_version = links(
        "getModelVersionMetadata",
        "getModelVersionConfig",
        "checkModelVersionReadiness",
        "getModelVersionStatistics",
        "runVersionInference",
        model="$response.body#/name",
        version="$response.body#/versions/0",
    )
    return documented | {"responses": {200: {"links": of_model | of_version}, **documented["responses"]}}


def _inference(documented: dict[str, Any]) -> dict[str, Any]:
    body = request_body(InferRequest, BINARY, examples=EXAMPLES)
    return documented | {
        "response_model": InferResponse,
        "responses": {200: {"content": {BINARY: {"schema": BYTES}}}, **refusals(400, 404, 413, 415, 503, 504)},
        "openapi_extra": {**documented["openapi_extra"], **body},
    }


def _find(request: Request, serving: Serving, dataset: str | None = None) -> InferenceModel:
    """Return the model that the path names, within the dataset of the query or the body."""
    path = request.path_params
    dataset = merge_query_and_body("dataset", request.query_params.get("dataset") or None, dataset)
    return find_model(serving, path["model"], path.get("version"), dataset)


async def _model(request: Request, serving: ServingDep) -> InferenceModel:
    return _find(request, serving)


ModelDep = Annotated[InferenceModel, Depends(_model)]


@router.get("", operation_id="getServerMetadata", summary="Get the server metadata", responses=refusals(400))
async def server_metadata() -> ServerMetadata:
    """Return the name and version of the server, and the protocol extensions that it supports."""
    return ServerMetadata(name="sst-forecasting", version=installed_version("sst-forecasting"), extensions=EXTENSIONS)


@router.get("/health/live", operation_id="checkServerLiveness", summary="Check the server's liveness")
async def server_live() -> ServerLive:
    """Report that the process is running."""
    return ServerLive()


@router.get(
    "/health/ready",
    operation_id="checkServerReadiness",
    summary="Check the server's readiness",
    responses=refusals(503),
)
async def server_ready(lifecycle: LifecycleDep) -> ServerReady:
    """Report that every model is loaded, verified and warmed up, except models that were unloaded.

    Otherwise, and while the process is shutting down, the status is 503.
    """
    lifecycle.ready()
    refuse_draining(lifecycle)
    return ServerReady()


@router.get(
    "/models/stats",
    operation_id="getAllStatistics",
    summary="Get the statistics of all models",
    responses=refusals(400, 503),
)
async def all_statistics(serving: ServingDep) -> StatisticsResponse:
    """Return the counts and durations of every model, in the process that answers."""
    return StatisticsResponse(model_stats=[_statistics(model) for model in all_models(serving)])


@router.get(_MODEL + "/stats", **_of_model("getModelStatistics", "Get the statistics of a model"))
@router.get(_VERSION + "/stats", **_of_version("getModelVersionStatistics", "Get the statistics of a model version"))
async def model_statistics(model: ModelDep) -> StatisticsResponse:
    """Return the counts and durations of one model, in the process that answers."""
    return StatisticsResponse(model_stats=[_statistics(model)])


@router.get(_MODEL + "/config", **_of_model("getModelConfig", "Get the configuration of a model"))
@router.get(_VERSION + "/config", **_of_version("getModelVersionConfig", "Get the configuration of a model version"))
async def model_config(model: ModelDep, settings: SettingsDep) -> ModelConfig:
    """Return a model's configuration, in Triton's form."""
    parameters = model.parameters | {"max_rows": str(settings.max_series)}
    return ModelConfig(
        name=model.name,
        platform=PLATFORM,
        max_batch_size=0,
        input=[_tensor_config(spec) for spec in model.inputs],
        output=[_tensor_config(spec) for spec in model.outputs],
        parameters={name: ConfigParameter(string_value=value) for name, value in parameters.items()},
    )


@router.get(_MODEL + "/ready", **_of_model("checkModelReadiness", "Check the readiness of a model"))
@router.get(_VERSION + "/ready", **_of_version("checkModelVersionReadiness", "Check the readiness of a model version"))
async def model_ready(model: ModelDep) -> ModelReady:
    """Report that a model is ready. Every loaded model is."""
    return ModelReady(name=model.name, ready=True)


@router.get(_MODEL, **_metadata(_of_model("getModelMetadata", "Get the metadata of a model")))
@router.get(_VERSION, **_metadata(_of_version("getModelVersionMetadata", "Get the metadata of a model version")))
async def model_metadata(model: ModelDep) -> ModelMetadata:
    """Return the inputs and outputs of a model."""
    return ModelMetadata(
        name=model.name,
        versions=[model.version],
        platform=PLATFORM,
        inputs=[_tensor_metadata(spec) for spec in model.inputs],
        outputs=[_tensor_metadata(spec) for spec in model.outputs],
    )


@router.post(_MODEL + "/infer", **_inference(_of_model("runInference", "Run inference")))
@router.post(_VERSION + "/infer", **_inference(_of_version("runVersionInference", "Run inference on a model version")))
async def infer(request: Request, lifecycle: LifecycleDep, settings: SettingsDep) -> Response:
    """Run the network itself: from windows of SST to the SST one step ahead.

    Universal networks also return the quantiles of all leads. NaN, or null in JSON, means that a value is missing.

    Send tensors in the JSON, or as raw little-endian bytes after it, in the order of the inputs. With bytes, the header
    `Inference-Header-Content-Length` gives the length of the JSON, and the parameter `binary_data_size` of each input
    its length.
    """
    serving, headers = lifecycle.ready(), dict(request.scope["headers"])
    model = _find(request, serving)
    message, tail = await read_request(serving, await request.body(), headers, settings)
    if message.parameters is not None and message.parameters.dataset is not None:
        model = _find(request, serving, message.parameters.dataset)
    wanted = wanted_outputs(message, model.outputs)
    inputs = read_inputs(message, tail, model.inputs, settings.max_series)
    outputs = await model.infer(inputs)
    content, response_headers = write_response(model.name, model.version, message.id, outputs, wanted)
    encoding = _encoding(headers) if len(content) >= _MIN_COMPRESSED_BYTES else None
    if encoding is not None:
        response_headers["Content-Encoding"] = encoding
        compress, is_large = partial(_COMPRESS[encoding], content, _FASTEST_LEVEL), len(inputs[0]) > SMALL
        content = await serving.worker.run(compress) if is_large else compress()
    return Response(content, headers=response_headers)


def _statistics(model: InferenceModel) -> ModelStatistics:
    return ModelStatistics(name=model.name, version=model.version, batch_stats=[], **model.statistics.snapshot())


def _tensor_metadata(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))


def _tensor_config(spec: TensorSpec) -> TensorConfig:
    return TensorConfig(name=spec.name, data_type=f"TYPE_{spec.datatype}", dims=list(spec.shape))


_COMPRESS: Final[dict[str, Callable[[bytes, int], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
_FASTEST_LEVEL: Final = 1
_MIN_COMPRESSED_BYTES: Final = 1_024
"""A shorter response fits into one packet without compression."""


def _encoding(headers: Headers) -> str | None:
    """Return the first compression that the client accepts and this protocol's clients can decompress."""
    accepted = headers.get(b"accept-encoding", b"").decode("latin-1").lower()
    for name, weight in map(weighed, accepted.split(",")):
        if name in _COMPRESS and weight > 0:
            return name
    return None


_FULL_NAME: Final = path_parameters(model="The full name of a model, such as `nino12-gru`.")
_LOAD_BODY: Final = {**_FULL_NAME, **request_body(LoadRequest, required=False)}

_INDEX_EXAMPLES: Final = {"ready": {"summary": "Only models that are ready", "value": {"ready": True}}}

_SERVED: Final = links(
    "checkModelReadiness", "getModelMetadata", "loadModel", "unloadModel", model="$request.path.model"
)

_Body = TypeVar("_Body", bound=BaseModel)


@router.post(
    "/repository/index",
    operation_id="listRepository",
    summary="List the repository",
    responses={
        200: {
            "links": links(
                "getModelMetadata", "checkModelReadiness", "loadModel", "unloadModel", model="$response.body#/0/name"
            )
        },
        **refusals(400, 413, 415, 503),
    },
    openapi_extra=request_body(IndexRequest, required=False, examples=_INDEX_EXAMPLES),
)
async def index(request: Request, watcher: ReleaseWatcherDep, catalog: CatalogDep) -> list[IndexEntry]:
    """List every model, including models that were unloaded. The body may be empty."""
    only_ready = _read_optional(IndexRequest, await request.body()).ready
    served, versions = set(catalog.model_names), watcher.catalog.versions
    datasets = {model: model.rpartition("-")[0] for model in watcher.catalog.model_names}
    entries = [_entry(watcher, model, dataset, versions[dataset], served) for model, dataset in datasets.items()]
    return [entry for entry in entries if entry.state == "READY" or not only_ready]


@router.post(
    "/repository/models/{model}/load",
    operation_id="loadModel",
    summary="Load a model",
    responses={200: {"links": _SERVED}, **refusals(400, 401, 403, 404, 409, 413, 415, 503)},
    openapi_extra=_LOAD_BODY,
)
async def load(request: Request, watcher: ReleaseWatcherDep) -> LoadResponse:
    """Read the artifacts folder again and serve the current release of the model's dataset, in every worker.

    This undoes an unload. A release that fails its checks is refused with a 409, and the loaded one stays in service.
    This call needs an admin key.
    """
    _refuse_overrides(_read_optional(LoadRequest, await request.body()))
    await watcher.load(request.path_params["model"], request.scope[KEY].name)
    return LoadResponse()


@router.post(
    "/repository/models/{model}/unload",
    operation_id="unloadModel",
    summary="Unload a model",
    responses={200: {"links": _SERVED}, **refusals(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=_LOAD_BODY,
)
async def unload(request: Request, watcher: ReleaseWatcherDep) -> LoadResponse:
    """Stop serving a model in every worker, until it is loaded again. This call needs an admin key."""
    _read_optional(LoadRequest, await request.body())
    await watcher.unload(request.path_params["model"], request.scope[KEY].name)
    return LoadResponse()


def _read_optional(model: type[_Body], body: bytes) -> _Body:
    return read_json(model, body or b"{}", max_series=0, max_bytes=len(body))


def _refuse_overrides(request: LoadRequest) -> None:
    for name in request.parameters or ():
        if name == "config" or name.startswith("file:"):
            subject = "files are" if name.startswith("file:") else "a configuration is"
            raise malformed(f"{subject} not accepted: models come from the artifacts folder; publish a release instead")


def _entry(watcher: ReleaseWatcher, model: str, dataset: str, version: str, served: set[str]) -> IndexEntry:
    if model not in served:
        reason = f"unloaded; POST /v2/repository/models/{model}/load to serve it again"
        return IndexEntry(name=model, version=version, state="UNAVAILABLE", reason=reason)
    refused = watcher.refused.get(dataset)
    reason = f"a newer release was refused, so this one stays in service: {refused}" if refused else ""
    return IndexEntry(name=model, version=version, state="READY", reason=reason)
