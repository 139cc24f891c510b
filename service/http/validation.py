"""Sentences for what pydantic finds wrong with a request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from service.http.request_model import MAX_UNKNOWN_FIELDS, UnknownFieldsError

_SUBJECT: Final = re.compile("^(?:Input|Tuple|List|Dictionary|String|Value) should")
"""How pydantic's messages begin. They name Python's types, which mean nothing to someone who sends JSON."""

_NOT_A_NUMBER: Final = ("finite_number", "float_type")
"""pydantic's names for the error of a value that is not a number."""

_MAX_PLACES: Final = 50

_TAG: Final = "choice:"
"""How the part of a location begins that says which type of a union was tried. It is not in the request."""


class Place(BaseModel):
    """A place in a request where something is wrong."""

    location: str = Field(examples=["body.series[0].values[3]"])
    message: str


def tag(name: str) -> str:
    """Return the tag of a type in a union. Unlike its name alone, it is left out of the location of an error."""
    return _TAG + name


def errors_of(content: bytes, error: ValidationError | UnknownFieldsError) -> list[dict[str, Any]]:
    """Return what pydantic found wrong with JSON ``content``, in the form that ``RequestValidationError`` takes."""
    if isinstance(error, UnknownFieldsError):
        message = f"more than {MAX_UNKNOWN_FIELDS} unknown fields; see /docs for the known ones"
        return [{"type": "unknown_fields", "loc": (), "msg": message}]
    errors: list[dict[str, Any]] = [*map(dict, error.errors(include_url=False, include_input=False))]
    encoding = _foreign_encoding(content) if errors[0]["type"] == "json_invalid" else None
    if encoding:
        errors[0]["ctx"] = {"error": f"expected UTF-8 without a byte order mark, but it looks like {encoding}"}
    return errors


def invalid_body(content: bytes, error: ValidationError | UnknownFieldsError) -> RequestValidationError:
    """Return the error for a request whose JSON body is invalid."""
    return RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in errors_of(content, error)])


def first_error(errors: Sequence[Mapping[str, Any]], subject: str) -> str:
    """Return a sentence for the first of pydantic's errors, and how many more there are.

    Args:
        errors: at least one error.
        subject: what was sent, as in "the body", to name if an error has no location.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return f"{subject} is not JSON: {first.get('ctx', {}).get('error', first['msg'])}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{_location(first['loc']) or subject}: {_message(first)}{more}"


def places_of(errors: Sequence[Mapping[str, Any]]) -> list[Place]:
    """Return the places of pydantic's errors, the first fifty of them."""
    return [Place(location=_location(error["loc"]), message=_message(error)) for error in errors[:_MAX_PLACES]]


def _foreign_encoding(content: bytes) -> str | None:
    if content.startswith(b"\xef\xbb\xbf"):
        return "UTF-8 with one"
    # JSON in UTF-8 has no zero bytes.
    return "UTF-16 or UTF-32" if content.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in content[:2] else None


def _location(loc: Sequence[int | str]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, str) and part.startswith(_TAG):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part[:64]}"
    return path.removeprefix(".")


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "missing":
        return "this field is required"
    if error["type"] == "extra_forbidden":
        return "unknown field; see /docs for the known ones"
    message = _SUBJECT.sub("must", str(error["msg"]), count=1).replace(" after validation", "")
    is_value = error["type"] in _NOT_A_NUMBER and "values" in error["loc"][:-1]
    return f"{message}; use null for a missing value" if is_value else message
