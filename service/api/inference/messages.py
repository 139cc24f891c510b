"""Messages of the Open Inference Protocol: JSON, with binary tensors behind it or without."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from orjson import dumps

from service.api.inference.schemas import InferRequest
from service.api.inference.tensors import HEADER_LENGTH, MAX_DIGITS, OUTPUT, Array, TensorSpec, malformed
from service.engine.serving import Serving
from service.http.media import Headers
from service.settings import Settings

BINARY: Final = "application/octet-stream"

_HEADER_LENGTH: Final = HEADER_LENGTH.lower().encode()


async def read_request(
    serving: Serving, body: bytes, headers: Headers, settings: Settings
) -> tuple[InferRequest, memoryview | None]:
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
    """Return the outputs that the client wants, all of them if it names none, and whether it wants each as bytes.

    Raises:
        ProblemError: 400 if it requests another output, or a form that is not supported.
    """
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


def write_answer(
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
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request_id is not None:
        answer["id"] = request_id
    head = dumps(answer)
    if not any(wanted.values()):
        return head, {"Content-Type": "application/json"}
    return b"".join((head, *contents)), {"Content-Type": BINARY, HEADER_LENGTH: str(len(head))}
