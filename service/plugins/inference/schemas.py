"""The messages of the Open Inference Protocol, with the extensions that Triton's clients use."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from service.api.series_request import EXAMPLE_VALUES

_ONE_WINDOW: Final[dict[str, Any]] = {
    "id": "pier",
    "inputs": [
        {
            "name": "sst",
            "datatype": "FP32",
            "shape": [1, len(EXAMPLE_VALUES)],
            "data": [[25.9 if value is None else value for value in EXAMPLE_VALUES]],
        },
        {"name": "valid_time", "datatype": "FP64", "shape": [1], "data": [1_293_840_000]},
    ],
}

EXAMPLES: Final = {"oneWindow": {"summary": "One window, as JSON", "value": _ONE_WINDOW}}
"""Examples of a request, for OpenAPI."""

PREFIX: Final = "/v2"
"""The first part of all paths of the protocol."""

_MAX_TENSORS: Final = 16
_MAX_DIMENSIONS: Final = 8

Size = Annotated[int, Field(ge=0, strict=True)]


class InferenceError(BaseModel):
    """An error, in the form of the Open Inference Protocol."""

    error: str = Field(examples=["input sst should have the datatype FP32, not 'FP64'"])


class TensorParameters(BaseModel):
    """Parameters of an input tensor. Others are ignored."""

    binary_data_size: Size | None = Field(default=None, description="The size in bytes of this tensor after the JSON.")
    shared_memory_region: Any = Field(default=None, description="Refused: shared memory is not supported.")


class OutputParameters(BaseModel):
    """Parameters of a requested output. Others are ignored."""

    binary_data: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="Whether to return it as bytes after the JSON."
    )
    classification: Any = Field(default=None, description="Refused: a forecast is not a classification.")
    shared_memory_region: Any = Field(default=None, description="Refused: shared memory is not supported.")


class InferParameters(BaseModel):
    """Parameters of a request. Others, such as `timeout`, `priority` and `sequence_id`, are ignored."""

    binary_data_output: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="Whether to return outputs as bytes after the JSON, unless an output says otherwise."
    )
    dataset: str | None = Field(
        default=None, description="The dataset that a short model name belongs to. It can also be a query parameter."
    )


class InputTensor(BaseModel):
    """`sst` (°C, one window per row) or `valid_time` (Unix seconds of the step to forecast, one per row)."""

    name: str
    datatype: str
    shape: list[Size] = Field(max_length=_MAX_DIMENSIONS, fail_fast=True)
    parameters: TensorParameters | None = None
    data: Any = Field(default=None, description="Values in row-major order, nested or flat; absent if binary.")


class RequestedOutput(BaseModel):
    """A requested output."""

    name: str
    parameters: OutputParameters | None = None


class InferRequest(BaseModel):
    """An inference request. Binary tensors follow this JSON."""

    id: str | None = Field(default=None, description="Returned as given.")
    inputs: list[InputTensor] = Field(max_length=_MAX_TENSORS, fail_fast=True)
    outputs: list[RequestedOutput] | None = Field(
        default=None, max_length=_MAX_TENSORS, fail_fast=True, description="The outputs to return. Defaults to all."
    )
    parameters: InferParameters | None = None


class OutputTensor(BaseModel):
    """`forecast`: SST in °C, one value per row."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = Field(default=None, description="`binary_data_size`, for a binary tensor.")
    data: list[float] | None = Field(default=None, description="Absent for a binary tensor.")


class InferResponse(BaseModel):
    """The response to an inference request. Binary tensors follow this JSON."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class ServerMetadata(BaseModel):
    """The server, and the protocol extensions that it supports."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    """The process is running."""

    live: Literal[True] = True


class ServerReady(BaseModel):
    """Every model is loaded, verified and warmed up."""

    ready: Literal[True] = True


class TensorMetadata(BaseModel):
    """The name, data type and shape of a tensor. −1 stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The inputs and outputs of a model. Its inputs `latitude` and `longitude`, if any, may be left out."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    """Whether a model is ready."""

    name: str
    ready: bool


class Duration(BaseModel):
    """A count and the total time in nanoseconds."""

    count: int
    ns: int


class InferStatistics(BaseModel):
    """The number of requests, and how their time was spent."""

    success: Duration
    fail: Duration
    queue: Duration = Field(description="Waiting for the network. Each piece of a large request counts.")
    compute_input: Duration = Field(description="Not measured separately: 0 ns.")
    compute_infer: Duration = Field(description="In the network. Each request counts the whole time of its batch.")
    compute_output: Duration = Field(description="Not measured separately: 0 ns.")
    cache_hit: Duration = Field(description="Always zero: there is no cache.")
    cache_miss: Duration = Field(description="Always zero: there is no cache.")


class ModelStatistics(BaseModel):
    """The statistics of a network in the process that answers, since it was loaded, including `POST /forecast`."""

    name: str
    version: str
    last_inference: int = Field(description="The Unix time of the last inference in milliseconds; 0 if there was none.")
    inference_count: int = Field(description="The number of windows.")
    execution_count: int = Field(description="The number of batches.")
    inference_stats: InferStatistics
    batch_stats: list[Any] = Field(description="Always empty: statistics are not kept by batch size.")


class StatisticsResponse(BaseModel):
    """The statistics of each requested model."""

    model_stats: list[ModelStatistics]


class TensorConfig(BaseModel):
    """A tensor in Triton's model configuration."""

    name: str
    data_type: str
    dims: list[int]


class ConfigParameter(BaseModel):
    """A value in a model configuration."""

    string_value: str


class ModelConfig(BaseModel):
    """Triton's model configuration, reduced to the fields that apply."""

    name: str
    platform: str
    max_batch_size: int = Field(description="Always 0: the dimension −1 in the shapes counts the rows.")
    input: list[TensorConfig]
    output: list[TensorConfig]
    parameters: dict[str, ConfigParameter] = Field(
        description="The dataset, cell, step, units and maximum rows. Universal networks add the horizon, the "
        "smallest number of values, and the levels of their quantiles."
    )


class IndexRequest(BaseModel):
    """Which models to list."""

    ready: Annotated[bool, Field(strict=True)] = Field(default=False, description="List only models that are ready.")


class IndexEntry(BaseModel):
    """A model in the repository."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str = Field(description="Why it is unavailable, or why a newer release is not loaded; otherwise empty.")


class LoadRequest(BaseModel):
    """A request to load or unload. Files and configurations are refused; other parameters are ignored."""

    parameters: dict[str, Any] | None = None


class LoadResponse(BaseModel):
    """The model is loaded or unloaded in every worker."""
