"""Messages of the Open Inference Protocol: JSON, with binary tensors behind it or without."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from fastapi.exceptions import RequestValidationError
from orjson import dumps

from service.api.inference.schemas import InferRequest
from service.api.inference.tensors import FORECAST, HEADER_LENGTH, MAX_DIGITS, OUTPUT, malformed
from service.gate.call import Headers
from service.gate.gate import JSON, RawAnswer
from service.http.bodies import read_json
from service.settings import Settings

BINARY: Final = "application/octet-stream"

_HEADER_LENGTH: Final = HEADER_LENGTH.lower().encode()


def read_request(body: bytes, headers: Headers, settings: Settings) -> tuple[InferRequest, memoryview | None]:
    """Return an inference request, and the bytes behind its JSON; None without the header that says where they begin.

    Raises:
        ProblemError: 400 if the header is not a length within the body, if it is missing but bytes follow the JSON, or
            if the JSON would take many times its size in memory.
        RequestValidationError: if the JSON is invalid.
    """
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
        return read_json(InferRequest, content, settings.max_series, settings.max_body_bytes), tail
    except RequestValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error", "")
        if header is None and first["type"] == "json_invalid" and reason.startswith("trailing characters"):
            raise malformed(
                f"there is data after the JSON, but the header {HEADER_LENGTH} is missing: it gives the length of the "
                "JSON when binary tensors follow"
            ) from None
        raise


def wants_binary(request: InferRequest) -> bool:
    """Return whether the client wants ``forecast``, the only output, as bytes.

    Raises:
        ProblemError: 400 if it requests another output, or a form that is not supported.
    """
    binary = False if request.parameters is None else bool(request.parameters.binary_data_output)
    outputs = request.outputs or ()
    if len(outputs) > 1 and all(output.name == OUTPUT for output in outputs):
        raise malformed(f"output {OUTPUT} is requested twice")
    for output in outputs:
        if output.name != OUTPUT:
            raise malformed(f"unknown output {output.name[:64]!r}: the only output is {OUTPUT}")
        parameters = output.parameters
        if parameters is None:
            continue
        if parameters.classification or parameters.shared_memory_region is not None:
            raise malformed(f"output {OUTPUT} does not support classification or shared memory")
        binary = binary if parameters.binary_data is None else parameters.binary_data
    return binary


def write_answer(
    model: str, version: str, request_id: str | None, forecast: npt.NDArray[np.float32], binary: bool
) -> RawAnswer:
    """Return the body of the response, and its headers."""
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
