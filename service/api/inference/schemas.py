"""What goes over the wire under ``/v2``: the Open Inference Protocol, with the extensions that Triton's clients use."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.forecast.schemas import EXAMPLE_VALUES

_EXAMPLE: Final[dict[str, Any]] = {
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

_MAX_TENSORS: Final = 16
_MAX_DIMENSIONS: Final = 8

Size = Annotated[int, Field(ge=0, strict=True)]


class TensorParameters(BaseModel):
    """Of one tensor in a request; others than these are passed over."""

    binary_data_size: Size | None = Field(default=None, description="bytes of this tensor behind the JSON")
    shared_memory_region: Any = Field(default=None, description="refused: shared memory is not offered")


class OutputParameters(BaseModel):
    """Of one output that is asked for; others than these are passed over."""

    binary_data: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="whether it comes as bytes behind the JSON"
    )
    classification: Any = Field(default=None, description="refused: a forecast is no classification")
    shared_memory_region: Any = Field(default=None, description="refused: shared memory is not offered")


class InferParameters(BaseModel):
    """Of a whole request; others than these (``timeout``, ``priority``, ``sequence_id``…) are passed over."""

    binary_data_output: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="whether outputs come as bytes behind the JSON, where they do not say themselves"
    )
    dataset: str | None = Field(
        default=None, description="whose release a short name means; may stand in the query too"
    )


class InputTensor(BaseModel):
    """``sst`` (°C, one window a row) or ``valid_time`` (Unix seconds of the step to forecast, one a row)."""

    name: str
    datatype: str
    shape: list[Size] = Field(max_length=_MAX_DIMENSIONS, fail_fast=True)
    parameters: TensorParameters | None = None
    data: Any = Field(default=None, description="row-major, nested or flat; absent where it comes as bytes")


class RequestedOutput(BaseModel):
    """An output that is asked for."""

    name: str
    parameters: OutputParameters | None = None


class InferRequest(BaseModel):
    """An inference request; for binary tensors, what stands in front of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str | None = Field(default=None, description="returned as given")
    inputs: list[InputTensor] = Field(max_length=_MAX_TENSORS, fail_fast=True)
    outputs: list[RequestedOutput] | None = Field(
        default=None, max_length=_MAX_TENSORS, fail_fast=True, description="those wanted; default: all"
    )
    parameters: InferParameters | None = None


class OutputTensor(BaseModel):
    """``forecast``: °C, one a row."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = Field(default=None, description="binary_data_size, where it comes as bytes")
    data: list[float] | None = Field(default=None, description="absent where it comes as bytes")


class InferResponse(BaseModel):
    """The answer to an inference request; for binary tensors, what stands in front of them."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class ServerMetadata(BaseModel):
    """What answers, and which extensions of the protocol it has."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    """The process answers."""

    live: Literal[True] = True


class ServerReady(BaseModel):
    """Every model is loaded, verified and warmed up."""

    ready: Literal[True] = True


class TensorMetadata(BaseModel):
    """Name, type and shape of a tensor; −1 is any length, the same in all of them."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    """Whether a model can be asked."""

    name: str
    ready: bool


class Duration(BaseModel):
    """How often, and for how long all together."""

    count: int
    ns: int


class InferStatistics(BaseModel):
    """Of requests: how many, and what their time went into."""

    success: Duration
    fail: Duration
    queue: Duration = Field(description="waiting for the network; each piece of a large request counts")
    compute_input: Duration = Field(description="not measured apart: 0 ns")
    compute_infer: Duration = Field(description="in the network; a batch's whole time counts for each request in it")
    compute_output: Duration = Field(description="not measured apart: 0 ns")
    cache_hit: Duration = Field(description="nothing is cached")
    cache_miss: Duration = Field(description="nothing is cached")


class ModelStatistics(BaseModel):
    """What a network has done in the process that answers, since it was loaded there; ``POST /forecast`` included."""

    name: str
    version: str
    last_inference: int = Field(description="milliseconds of Unix time; 0: none yet")
    inference_count: int = Field(description="windows")
    execution_count: int = Field(description="batches")
    inference_stats: InferStatistics
    batch_stats: list[Any] = Field(description="not kept by batch size: empty")


class StatisticsResponse(BaseModel):
    """The figures of each model asked for."""

    model_stats: list[ModelStatistics]


class TensorConfig(BaseModel):
    """A tensor, as Triton's model configuration has it."""

    name: str
    data_type: str
    dims: list[int]


class ConfigParameter(BaseModel):
    """A value in a model configuration."""

    string_value: str


class ModelConfig(BaseModel):
    """Triton's model configuration, as far as it says something here."""

    name: str
    platform: str
    max_batch_size: int = Field(description="0: the shapes say which dimension counts rows")
    input: list[TensorConfig]
    output: list[TensorConfig]
    parameters: dict[str, ConfigParameter] = Field(description="dataset, cell, step, units and most rows of a request")


class IndexRequest(BaseModel):
    """Which models to list."""

    ready: Annotated[bool, Field(strict=True)] = Field(default=False, description="only those that can be asked")


class IndexEntry(BaseModel):
    """A model in the repository."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str = Field(description="why it is unavailable, or why a newer release of it is not loaded; else empty")


class LoadRequest(BaseModel):
    """A load or an unload: parameters are passed over but for a model's files or configuration, which are refused."""

    parameters: dict[str, Any] | None = None


class LoadResponse(BaseModel):
    """It is done, in every worker."""
