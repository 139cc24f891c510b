"""Sentences for what pydantic finds wrong with a request."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from forecasting.requests import sentences
from forecasting.requests.model import MAX_UNKNOWN_FIELDS, UnknownFieldsError
from forecasting.requests.sentences import location_of, message_of

_KNOWN_FIELDS: Final = "see /docs for the known ones"

_MAX_PLACES: Final = 50


class Place(BaseModel):
    """A place in a request where something is wrong."""

    location: str = Field(examples=["body.series[0].values[3]"])
    message: str


def errors_of(content: bytes, error: ValidationError | UnknownFieldsError) -> list[dict[str, Any]]:
    """Return what pydantic found wrong with JSON ``content``, in the form that ``RequestValidationError`` takes."""
    if isinstance(error, UnknownFieldsError):
        message = f"more than {MAX_UNKNOWN_FIELDS} unknown fields; {_KNOWN_FIELDS}"
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
    return sentences.first_error(errors, subject, _KNOWN_FIELDS)


def places_of(errors: Sequence[Mapping[str, Any]]) -> list[Place]:
    """Return the places of pydantic's errors, the first fifty of them."""
    return [
        Place(location=location_of(error), message=message_of(error, _KNOWN_FIELDS)) for error in errors[:_MAX_PLACES]
    ]


def _foreign_encoding(content: bytes) -> str | None:
    if content.startswith(b"\xef\xbb\xbf"):
        return "UTF-8 with one"
    # JSON in UTF-8 has no zero bytes.
    return "UTF-16 or UTF-32" if content.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in content[:2] else None
