"""Tensors of the Open Inference Protocol: read from JSON or from the bytes behind it, and written as either."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from fastapi.exceptions import RequestValidationError
from orjson import dumps

from forecasting.series.sst_series import SEA_RANGE
from forecasting.wording import counted, there_are
from service.api.inference.schemas import InferRequest, InputTensor
from service.gate.call import Headers
from service.gate.gate import JSON, RawAnswer
from service.http.bodies import read_json
from service.http.problems import ProblemError
from service.settings import Settings

Array = npt.NDArray[Any]

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
BINARY: Final = "application/octet-stream"
OUTPUT: Final = "forecast"

_HEADER_LENGTH: Final = HEADER_LENGTH.lower().encode()
_DIGITS: Final = 18
_ROWS: Final = -1


@dataclass(frozen=True)
class TensorSpec:
    """What a model takes or gives under one name.

    Attributes:
        name: of the tensor.
        datatype: as the protocol names it.
        dtype: the same, little-endian, as numpy names it.
        shape: −1 stands for the number of rows.
        low: least value.
        high: greatest value.
        meaning: what a value outside of these is not.
    """

    name: str
    datatype: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    low: float = -math.inf
    high: float = math.inf
    meaning: str = ""


_FLOAT32: Final = np.dtype("<f4")
_VALID_TIME: Final = TensorSpec(
    "valid_time",
    "FP64",
    np.dtype("<f8"),
    (_ROWS,),
    datetime(1, 1, 1, tzinfo=UTC).timestamp(),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp(),
    "no Unix time of the years 1 to 9999, in seconds",
)
FORECAST: Final = TensorSpec(OUTPUT, "FP32", _FLOAT32, (_ROWS,))


@cache
def input_specs(window: int) -> tuple[TensorSpec, TensorSpec]:
    """``sst`` and ``valid_time`` of a network that sees so many values."""
    sst = TensorSpec("sst", "FP32", _FLOAT32, (_ROWS, window), *SEA_RANGE, "no temperature of a sea in °C")
    return sst, _VALID_TIME


def read_request(body: bytes, headers: Headers, settings: Settings) -> tuple[InferRequest, memoryview | None]:
    """An inference request, and the bytes behind its JSON; None where the header that says where they begin is absent.

    Raises:
        ProblemError: 400 if the header's value is no length within the body, or it is absent where bytes follow, or
            the JSON would take many times its size.
        RequestValidationError: if the JSON is none, or not of this form.
    """
    stated = headers.get(_HEADER_LENGTH)
    content, tail = body, None
    if stated is not None:
        length = int(stated) if stated.isdigit() and len(stated) <= _DIGITS else -1
        if not 0 <= length <= len(body):
            said = stated[:64].decode("latin-1")
            raise malformed(
                f"{HEADER_LENGTH} is {said!r}: it should be a number from 0 to the body's {len(body)} bytes"
            )
        content, tail = body[:length], memoryview(body)[length:]
    try:
        return read_json(InferRequest, content, settings.max_series, settings.max_body_bytes), tail
    except RequestValidationError as error:
        first = error.errors()[0]
        said = first.get("ctx", {}).get("error", "")
        if stated is None and first["type"] == "json_invalid" and said.startswith("trailing characters"):
            raise malformed(
                f"bytes follow the JSON, and the header {HEADER_LENGTH} is missing, which says how many bytes the JSON "
                "has where binary tensors follow it"
            ) from None
        raise


def read_inputs(
    request: InferRequest, tail: memoryview | None, specs: Sequence[TensorSpec], max_rows: int
) -> list[Array]:
    """The tensors of a request, in the order of ``specs``, with as many rows each.

    Raises:
        ProblemError: 400 that names the tensor, and the place in it.
    """
    found: dict[str, Array] = {}
    known = {spec.name: spec for spec in specs}
    offset = 0
    for tensor in request.inputs:
        spec = known.get(tensor.name)
        if spec is None:
            raise malformed(f"there is no input {tensor.name[:64]!r}; {there_are(known)}")
        if tensor.name in found:
            raise malformed(f"input {spec.name} is given twice")
        count = _check_form(tensor, spec, max_rows)
        size = _binary_size(tensor, spec)
        if size is None:
            array = _read_json(tensor, spec, count)
        else:
            array = _read_binary(tail, offset, size, spec, count)
            offset += size
        found[spec.name] = _checked(array.reshape(tensor.shape), spec).astype(spec.dtype, copy=False)
    if tail is not None and offset != len(tail):
        raise malformed(f"{len(tail) - offset} bytes follow the last binary tensor; binary_data_size says how many do")
    return _aligned(found, known)


def _aligned(found: dict[str, Array], known: dict[str, TensorSpec]) -> list[Array]:
    missing = [name for name in known if name not in found]
    if missing:
        raise malformed(f"input {missing[0]} is missing; {there_are(known)}")
    rows = {name: len(found[name]) for name in known}
    if len(set(rows.values())) > 1:
        said = ", ".join(f"{name} has {n}" for name, n in rows.items())
        raise malformed(f"inputs should have as many rows each: {said}")
    return [found[name] for name in known]


def _check_form(tensor: InputTensor, spec: TensorSpec, max_rows: int) -> int:
    """How many values the tensor holds.

    Raises:
        ProblemError: if its datatype or shape is another than the model's.
    """
    if tensor.datatype != spec.datatype:
        raise malformed(f"input {spec.name} should have the datatype {spec.datatype}, not {tensor.datatype[:16]!r}")
    shape = tensor.shape
    if len(shape) != len(spec.shape) or tuple(shape[1:]) != spec.shape[1:]:
        wanted, given = _show(spec.shape), _show(shape)
        raise malformed(f"input {spec.name} should have the shape {wanted} (-1: any number of rows), not {given}")
    if shape[0] > max_rows:
        raise malformed(f"input {spec.name} has {_short(shape[0])} rows: send at most {max_rows} in one request")
    return math.prod(shape)


def _binary_size(tensor: InputTensor, spec: TensorSpec) -> int | None:
    """Bytes of the tensor behind the JSON; None where it is in the JSON."""
    parameters = tensor.parameters
    if parameters is not None and parameters.shared_memory_region is not None:
        raise malformed(f"input {spec.name}: shared memory is not offered; send the tensor in the request")
    size = None if parameters is None else parameters.binary_data_size
    if size is None and tensor.data is None:
        raise malformed(f"input {spec.name} has neither data nor the parameter binary_data_size")
    if size is not None and tensor.data is not None:
        raise malformed(f"input {spec.name} has both data and the parameter binary_data_size; send one of them")
    return size


def _read_binary(tail: memoryview | None, offset: int, size: int, spec: TensorSpec, count: int) -> Array:
    if tail is None:
        raise malformed(f"input {spec.name} is binary, so the header {HEADER_LENGTH} is needed")
    expected = count * spec.dtype.itemsize
    if size != expected:
        raise malformed(
            f"input {spec.name}: binary_data_size is {_short(size)}, and {count} values of {spec.datatype} "
            f"have {expected} bytes"
        )
    if offset + size > len(tail):
        left = len(tail) - offset
        raise malformed(f"input {spec.name}: binary_data_size is {size}, and {left} bytes are left of the body")
    return np.frombuffer(tail, spec.dtype, count, offset)


def _read_json(tensor: InputTensor, spec: TensorSpec, count: int) -> Array:
    values = _flat(tensor.data, spec)
    if len(values) != count:
        held = counted(len(values), "value")
        raise malformed(f"input {spec.name}: data holds {held}, and the shape {_show(tensor.shape)} {count}")
    if not {float, int}.issuperset(map(type, values)):
        wrong = next(i for i, value in enumerate(values) if type(value) not in (float, int))
        raise malformed(f"{_place(spec, tensor.shape, wrong)} is no number")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        wrong = next(i for i, value in enumerate(values) if abs(value) > spec.high)
        raise malformed(f"{_place(spec, tensor.shape, wrong)} is {spec.meaning}") from None


def _flat(data: object, spec: TensorSpec) -> list[Any]:
    """``data`` row-major, as it is where it is flat already."""
    if not isinstance(data, list):
        raise malformed(f"input {spec.name}: data should be an array")
    if not data or type(data[0]) is not list or len(spec.shape) == 1:
        return data
    wanted = spec.shape[1]
    for i, row in enumerate(data):
        if type(row) is not list or len(row) != wanted:
            raise malformed(f"{spec.name}[{i}] should be an array of {wanted} values")
    return list(chain.from_iterable(data))


def _checked(array: Array, spec: TensorSpec) -> Array:
    """``array``, each of its values one that its tensor can have; NaN is none."""
    if not array.size or (array.min() >= spec.low and array.max() <= spec.high):
        return array
    wrong = int((~((array >= spec.low) & (array <= spec.high))).argmax())
    value = array.flat[wrong]
    said = f"{value:.7g}"
    if spec.low <= float(said) <= spec.high:
        # Rounded, it would look like one that is allowed.
        said = str(value).removesuffix(".0")
    raise malformed(
        f"{_place(spec, array.shape, wrong)} is {said}: {spec.meaning} ({spec.low:.12g} to {spec.high:.12g})"
    )


def wants_binary(request: InferRequest) -> bool:
    """Whether ``forecast``, the one output, is to come as bytes.

    Raises:
        ProblemError: 400 if another output is asked for, or it in a way that is not offered.
    """
    binary = False if request.parameters is None else bool(request.parameters.binary_data_output)
    outputs = request.outputs or ()
    if len(outputs) > 1 and all(output.name == OUTPUT for output in outputs):
        raise malformed(f"output {OUTPUT} is asked for twice")
    for output in outputs:
        if output.name != OUTPUT:
            raise malformed(f"there is no output {output.name[:64]!r}: there is {OUTPUT}")
        parameters = output.parameters
        if parameters is None:
            continue
        if parameters.classification or parameters.shared_memory_region is not None:
            raise malformed(f"output {OUTPUT} comes in the answer, as numbers: no classification, no shared memory")
        binary = binary if parameters.binary_data is None else parameters.binary_data
    return binary


def write_answer(
    model: str, version: str, request_id: str | None, forecast: npt.NDArray[np.float32], binary: bool
) -> RawAnswer:
    """The answer with ``forecast``, and the headers that say what it is."""
    output: dict[str, Any] = {"name": OUTPUT, "datatype": FORECAST.datatype, "shape": [len(forecast)]}
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": [output]}
    if request_id is not None:
        answer["id"] = request_id
    if not binary:
        output["data"] = forecast.tolist()
        return dumps(answer), JSON
    content = forecast.astype(FORECAST.dtype, copy=False).tobytes()
    output["parameters"] = {"binary_data_size": len(content)}
    head = dumps(answer)
    return head + content, ((b"content-type", BINARY.encode()), (_HEADER_LENGTH, b"%d" % len(head)))


def malformed(sentence: str) -> ProblemError:
    """The refusal of a request that this protocol, or the model, does not have."""
    return ProblemError(HTTPStatus.BAD_REQUEST, sentence)


def _place(spec: TensorSpec, shape: Sequence[int], flat: int) -> str:
    return spec.name + "".join(f"[{i}]" for i in np.unravel_index(flat, tuple(shape)))


def _show(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(_short, shape))}]"


def _short(number: int) -> str:
    """A number as long as a sentence can bear it."""
    return str(number) if number < 10**_DIGITS else f"more than {10**_DIGITS:.0e}"
