"""The routes of the Open Inference Protocol, under ``/v2``, for the clients of KServe, Triton and Seldon.

These clients send any media type or none, so the endpoints read their bodies themselves. ``infer`` is answered in
:mod:`service.api.inference.handler`.
"""

from importlib.metadata import version as installed_version
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.api.dependencies import LifecycleDep, ServingDep, SettingsDep, ready, refuse_draining
from service.api.inference.handler import answer_infer, query_dataset
from service.api.inference.messages import BINARY
from service.api.inference.models import InferenceModel, all_models, find_model
from service.api.inference.schemas import (
    EXAMPLES,
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
from service.api.inference.tensors import TensorSpec
from service.api.openapi import BYTES, path_parameters, refusals, request_body

router = APIRouter(prefix="/v2", tags=["inference protocol"])

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


def _inference(documented: dict[str, Any]) -> dict[str, Any]:
    body = request_body(InferRequest, BINARY, examples=EXAMPLES)
    return documented | {
        "response_model": InferResponse,
        "responses": {200: {"content": {BINARY: {"schema": BYTES}}}, **refusals(400, 404, 413, 415, 503, 504)},
        "openapi_extra": {**documented["openapi_extra"], **body},
    }


async def _model(request: Request, serving: ServingDep) -> InferenceModel:
    path = request.path_params
    return find_model(serving, path["model"], path.get("version"), query_dataset(request.scope))


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
    ready(lifecycle)
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


@router.get(_MODEL, **_of_model("getModelMetadata", "Get the metadata of a model"))
@router.get(_VERSION, **_of_version("getModelVersionMetadata", "Get the metadata of a model version"))
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
async def infer(request: Request) -> Response:
    """Run the network itself: from windows of SST to the SST one step ahead.

    Universal networks also return the quantiles of all leads. NaN, or null in JSON, means that a value is missing.

    Send tensors in the JSON, or as raw little-endian bytes after it, in the order of the inputs. With bytes, the header
    `Inference-Header-Content-Length` gives the length of the JSON, and the parameter `binary_data_size` of each input
    its length.
    """
    state, scope = request.app.state, request.scope
    return await answer_infer(state.lifecycle, state.settings, scope, dict(scope["headers"]), await request.body())


def _statistics(model: InferenceModel) -> ModelStatistics:
    return ModelStatistics(name=model.name, version=model.version, batch_stats=[], **model.statistics.snapshot())


def _tensor_metadata(spec: TensorSpec) -> TensorMetadata:
    return TensorMetadata(name=spec.name, datatype=spec.datatype, shape=list(spec.shape))


def _tensor_config(spec: TensorSpec) -> TensorConfig:
    return TensorConfig(name=spec.name, data_type=f"TYPE_{spec.datatype}", dims=list(spec.shape))
