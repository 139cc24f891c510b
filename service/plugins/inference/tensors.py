"""Messages of the Open Inference Protocol: how requests are read and responses written, with binary tensors or not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from fastapi.exceptions import RequestValidationError
from orjson import dumps

from forecasting.series.units import SEA_RANGE
from forecasting.wording import counted
from service.engine.serving import Serving
from service.http.bodies import Headers
from service.http.problems import ProblemError
from service.plugins.inference.schemas import InferRequest, InputTensor
from service.settings import Settings

Array = npt.NDArray[Any]

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""The header that gives the length of the JSON when binary tensors follow it."""

OUTPUT: Final = "forecast"

MAX_DIGITS: Final = 18
"""Digits of the largest number that is read from a header or repeated in a message."""
_ROWS: Final = -1


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model."""

    name: str
    datatype: Literal["FP32", "FP64"]
    shape: tuple[int, ...]
    low: float = -math.inf
    high: float = math.inf
    invalid: str = ""
    may_be_missing: bool = False
    is_optional: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type in NumPy, little-endian."""
        return np.dtype("<f4" if self.datatype == "FP32" else "<f8")


_VALID_TIME: Final = TensorSpec(
    "valid_time",
    "FP64",
    (_ROWS,),
    datetime(1, 1, 1, tzinfo=UTC).timestamp(),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp(),
    "not a Unix time in seconds between the years 1 and 9999",
)
FORECAST: Final = TensorSpec(OUTPUT, "FP32", (_ROWS,))


@cache
def input_specs(window: int) -> tuple[TensorSpec, TensorSpec]:
    """Return the inputs of a network with this window: ``sst`` and ``valid_time``."""
    sst = TensorSpec("sst", "FP32", (_ROWS, window), *SEA_RANGE, "not a possible sea temperature in °C")
    return sst, _VALID_TIME


@cache
def universal_input_specs(window: int) -> tuple[TensorSpec, ...]:
    """Return the inputs of a universal network: those of a place's, and optional ``latitude`` and ``longitude``."""
    sst, valid_time = input_specs(window)
    latitude, longitude = (
        TensorSpec(name, "FP64", (_ROWS,), *limits, "not in degrees", may_be_missing=True, is_optional=True)
        for name, limits in (("latitude", (-90.0, 90.0)), ("longitude", (-180.0, 360.0)))
    )
    return replace(sst, may_be_missing=True), valid_time, latitude, longitude


@cache
def universal_output_specs(horizon: int, levels: int) -> tuple[TensorSpec, ...]:
    """Return the outputs of a universal network: ``forecast``, and ``quantiles`` at each lead."""
    return FORECAST, TensorSpec("quantiles", "FP32", (_ROWS, horizon, levels))


def read_inputs(
    request: InferRequest, tail: memoryview | None, specs: Sequence[TensorSpec], max_rows: int
) -> list[Array]:
    """Return the tensors of a request in the order of ``specs``, all with the same number of rows."""
    arrays: dict[str, Array] = {}
    known = {spec.name: spec for spec in specs}
    offset = 0
    for tensor in request.inputs:
        spec = known.get(tensor.name)
        if spec is None:
            raise malformed(f"unknown input {tensor.name[:64]!r}: the model takes {_listed(known)}")
        if tensor.name in arrays:
            raise malformed(f"input {spec.name} occurs twice")
        count = _check_form(tensor, spec, max_rows)
        size = _binary_size(tensor, spec)
        if size is None:
            array = _read_json(tensor, spec, count)
        else:
            array = _read_binary(tail, offset, size, spec, count)
            offset += size
        arrays[spec.name] = _check_range(array.reshape(tensor.shape), spec).astype(spec.dtype, copy=False)
    if tail is not None and offset != len(tail):
        raise malformed(f"{len(tail) - offset} bytes follow the last binary tensor: check binary_data_size")
    return _align(arrays, known)


def _align(arrays: dict[str, Array], known: dict[str, TensorSpec]) -> list[Array]:
    missing = [name for name, spec in known.items() if name not in arrays and not spec.is_optional]
    if missing:
        raise malformed(f"input {missing[0]} is missing: the model takes {_listed(known)}")
    rows = {name: len(arrays[name]) for name in known if name in arrays}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} has {n}" for name, n in rows.items())
        raise malformed(f"the inputs must have the same number of rows: {counts}")
    count = next(iter(rows.values()))
    return [arrays.get(name, np.full(count, np.nan)) for name in known]


def _listed(known: dict[str, TensorSpec]) -> str:
    *others, last = known
    return f"{', '.join(others)} and {last}"


def _check_form(tensor: InputTensor, spec: TensorSpec, max_rows: int) -> int:
    """Return the number of values in the tensor."""
    if tensor.datatype != spec.datatype:
        raise malformed(f"input {spec.name} should have the datatype {spec.datatype}, not {tensor.datatype[:16]!r}")
    shape = tensor.shape
    if len(shape) != len(spec.shape) or tuple(shape[1:]) != spec.shape[1:]:
        expected = f"{_show(spec.shape)} (-1: any number of rows)"
        raise malformed(f"input {spec.name} should have the shape {expected}, not {_show(shape)}")
    if shape[0] > max_rows:
        raise malformed(f"input {spec.name} has {_short(shape[0])} rows: send at most {max_rows} in one request")
    return math.prod(shape)


def _binary_size(tensor: InputTensor, spec: TensorSpec) -> int | None:
    """Return the size in bytes of a binary tensor; None if the tensor is in the JSON."""
    parameters = tensor.parameters
    if parameters is not None and parameters.shared_memory_region is not None:
        raise malformed(f"input {spec.name}: shared memory is not supported; send the tensor in the request")
    size = None if parameters is None else parameters.binary_data_size
    if size is None and tensor.data is None:
        raise malformed(f"input {spec.name} has neither data nor the parameter binary_data_size")
    if size is not None and tensor.data is not None:
        raise malformed(f"input {spec.name} has both data and the parameter binary_data_size; send one of them")
    return size


def _read_binary(tail: memoryview | None, offset: int, size: int, spec: TensorSpec, count: int) -> Array:
    if tail is None:
        raise malformed(f"input {spec.name} is binary, which requires the header {HEADER_LENGTH}")
    expected = count * spec.dtype.itemsize
    if size != expected:
        raise malformed(
            f"input {spec.name}: binary_data_size is {_short(size)}, but {count} {spec.datatype} values "
            f"take {expected} bytes"
        )
    if offset + size > len(tail):
        rest = len(tail) - offset
        raise malformed(f"input {spec.name}: binary_data_size is {size}, but only {rest} bytes of the body are left")
    return np.frombuffer(tail, spec.dtype, count, offset)


def _read_json(tensor: InputTensor, spec: TensorSpec, count: int) -> Array:
    values = _flat(tensor.data, spec)
    if spec.may_be_missing:
        values = [math.nan if value is None else value for value in values]
    if len(values) != count:
        length = counted(len(values), "value")
        raise malformed(f"input {spec.name}: data holds {length}, but the shape {_show(tensor.shape)} needs {count}")
    if not {float, int}.issuperset(map(type, values)):
        wrong = next(i for i, value in enumerate(values) if type(value) not in (float, int))
        raise malformed(f"{_element(spec, tensor.shape, wrong)} is not a number")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        wrong = next(i for i, value in enumerate(values) if abs(value) > spec.high)
        raise malformed(f"{_element(spec, tensor.shape, wrong)} is {spec.invalid}") from None


def _flat(data: object, spec: TensorSpec) -> list[Any]:
    """Return the values of ``data`` in row-major order; ``data`` itself if it is flat."""
    if not isinstance(data, list):
        raise malformed(f"input {spec.name}: data should be an array")
    if not data or type(data[0]) is not list or len(spec.shape) == 1:
        return data
    length = spec.shape[1]
    for i, row in enumerate(data):
        if type(row) is not list or len(row) != length:
            raise malformed(f"{spec.name}[{i}] should be an array of {length} values")
    return list(chain.from_iterable(data))


def _check_range(array: Array, spec: TensorSpec) -> Array:
    """Return ``array`` if all its values are in the valid range, which NaN is not."""
    if not array.size or (array.min() >= spec.low and array.max() <= spec.high):
        return array
    outside = ~((array >= spec.low) & (array <= spec.high))
    if spec.may_be_missing:
        outside &= ~np.isnan(array)
        if not outside.any():
            return array
    wrong = int(outside.argmax())
    value = array.flat[wrong]
    shown = f"{value:.7g}"
    if spec.low <= float(shown) <= spec.high:
        # Rounded, it would look valid.
        shown = str(value).removesuffix(".0")
    raise malformed(
        f"{_element(spec, array.shape, wrong)} is {shown}: {spec.invalid} ({spec.low:.12g} to {spec.high:.12g})"
    )


def malformed(message: str) -> ProblemError:
    """Return a 400 for a request that is invalid under the protocol or for the model."""
    return ProblemError(HTTPStatus.BAD_REQUEST, message)


def _element(spec: TensorSpec, shape: Sequence[int], flat: int) -> str:
    return spec.name + "".join(f"[{i}]" for i in np.unravel_index(flat, tuple(shape)))


def _show(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(_short, shape))}]"


def _short(number: int) -> str:
    """Return a number in digits, unless it has too many of them."""
    return str(number) if number < 10**MAX_DIGITS else f"more than {10**MAX_DIGITS:.0e}"


BINARY: Final = "application/octet-stream"

_HEADER_LENGTH: Final = HEADER_LENGTH.lower().encode()


async def read_request(
    serving: Serving, body: bytes, headers: Headers, settings: Settings
) -> tuple[InferRequest, memoryview | None]:
    """Return an inference request, and the bytes after its JSON; None without the header that gives its length."""
    header = headers.get(_HEADER_LENGTH)
    content, tail = body, None
    if header is not None:
        length = int(header) if header.isdigit() and len(header) <= MAX_DIGITS else -1
        if not 0 <= length <= len(body):
            shown = header[:64].decode("latin-1")
            raise malformed(
                f"{HEADER_LENGTH} is {shown!r}: expected a number from 0 to {len(body)}, the size of the body in bytes"
            )
        content, tail = body[:length], memoryview(body)[length:]
    try:
        return await serving.read_json(InferRequest, content, settings.max_series, settings.max_body_bytes), tail
    except RequestValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error", "")
        if header is None and first["type"] == "json_invalid" and reason.startswith("trailing characters"):
            raise malformed(
                f"there is data after the JSON, but the header {HEADER_LENGTH} is missing: it gives the length of the "
                "JSON when binary tensors follow"
            ) from None
        raise


def wanted_outputs(request: InferRequest, specs: Sequence[TensorSpec]) -> dict[TensorSpec, bool]:
    """Return the outputs that the client wants, all of them if it names none, and whether it wants each as bytes."""
    default = False if request.parameters is None else bool(request.parameters.binary_data_output)
    if not request.outputs:
        return dict.fromkeys(specs, default)
    known, wanted = {spec.name: spec for spec in specs}, dict[TensorSpec, bool]()
    for output in request.outputs:
        spec = known.get(output.name)
        if spec is None:
            offered = f"the only output is {OUTPUT}" if len(specs) == 1 else f"the outputs are {' and '.join(known)}"
            raise malformed(f"unknown output {output.name[:64]!r}: {offered}")
        if spec in wanted:
            raise malformed(f"output {spec.name} is requested twice")
        wanted[spec] = default
        parameters = output.parameters
        if parameters is None:
            continue
        if parameters.classification or parameters.shared_memory_region is not None:
            raise malformed(f"output {spec.name} does not support classification or shared memory")
        wanted[spec] = default if parameters.binary_data is None else parameters.binary_data
    return wanted


def write_response(
    model: str, version: str, request_id: str | None, arrays: Mapping[str, Array], wanted: Mapping[TensorSpec, bool]
) -> tuple[bytes, dict[str, str]]:
    """Return the body of the response with the outputs that are ``wanted``, and its headers.

    Bytes follow the JSON in the order of the outputs.
    """
    outputs, contents = [], []
    for spec, binary in wanted.items():
        array = arrays[spec.name].astype(spec.dtype, copy=False)
        output: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": list(array.shape)}
        if binary:
            contents.append(array.tobytes())
            output["parameters"] = {"binary_data_size": len(contents[-1])}
        else:
            output["data"] = array.ravel().tolist()
        outputs.append(output)
    response: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request_id is not None:
        response["id"] = request_id
    head = dumps(response)
    if not any(wanted.values()):
        return head, {"Content-Type": "application/json"}
    return b"".join((head, *contents)), {"Content-Type": BINARY, HEADER_LENGTH: str(len(head))}
