"""Media types of request bodies."""

from http import HTTPStatus
from typing import Final, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from service.errors import ProblemError

_JSON: Final = b"application/json"

Body = TypeVar("Body", bound=BaseModel)


def read_json(model: type[Body], headers: dict[bytes, bytes], body: bytes) -> Body:
    """The body as ``model`` has it.

    Raises:
        ProblemError: 415 if it is not announced as JSON.
        RequestValidationError: if it is none, or another.
    """
    require_json(headers)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        places = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in places]) from None


def require_json(headers: dict[bytes, bytes]) -> None:
    """Whether the headers announce JSON.

    Raises:
        ProblemError: 415 if not.
    """
    stated = headers.get(b"content-type", b"")
    if stated == _JSON:
        return
    media_type = stated.partition(b";")[0].strip().lower()
    if media_type == _JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json")):
        return
    said = f"{media_type.decode('latin-1')[:64]!r} is not" if media_type else "no media type was sent; it should be"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{said} JSON: send the header Content-Type: application/json"
    )
