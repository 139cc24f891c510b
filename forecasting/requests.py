"""Requests in JSON: the base of their schemas, which refuses unknown fields, and sentences for what is wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError

MAX_UNKNOWN_FIELDS: Final = 50
"""Unknown fields of one request that are named one by one."""

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
"""A JSON number; text is not converted."""

InputTime = Annotated[
    str,
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}, {"type": "string"}]}
    ),
]
"""A time that a client sends: ISO 8601, in UTC without an offset. A date alone means midnight.

The readers in :mod:`forecasting.series.times` check it, since they also take times that neither format allows, such as
``2010-12``. Any other text is an error of its series, not of the request.
"""

ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
"""Pattern of text without control characters. PostgreSQL stores no zero characters, and a name is one line."""

_TAG: Final = "choice:"
"""Prefix of a location part that says which type of a union was tried. The request does not contain it."""


class UnknownFieldsError(Exception):
    """A request has more than :data:`MAX_UNKNOWN_FIELDS` unknown fields."""


def refuse_unknown(value: object, info: ValidationInfo) -> NoReturn:
    """Report an unknown field; after too many, each of which takes memory, stop parsing instead."""
    if info.context is not None:
        info.context.append(info.field_name)
        if len(info.context) > MAX_UNKNOWN_FIELDS:
            raise UnknownFieldsError
    raise PydanticKnownError("extra_forbidden")


class RequestModel(BaseModel):
    """A request, or a part of one. Validate it with a new list as context, in which unknown fields are counted."""

    # Unknown fields are refused as with "forbid", which would not limit their number.
    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(refuse_unknown)]]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema, which says that unknown fields are refused."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["additionalProperties"] = False
        return schema


def tag(name: str) -> str:
    """Return the tag of a type in a union. Unlike its name alone, it is left out of the location of an error."""
    return _TAG + name


def is_tag(part: int | str) -> bool:
    """Return whether a part of a location is a tag."""
    return isinstance(part, str) and part.startswith(_TAG)


_SUBJECT: Final = re.compile("^(?:Input|Tuple|List|Dictionary|String|Value) should")
"""Beginnings of pydantic's messages that name Python's types, which mean nothing to someone who sends JSON."""

_UNPARSED: Final = re.compile(", unable to parse string as an? (?:integer|number)")
"""What pydantic adds for a query parameter, which is always a string."""

_JSON_ERRORS: Final = (
    (re.compile(r"^EOF while parsing .* at line 1 column 0$"), "it is empty"),
    (re.compile("^EOF while parsing .* at "), "it ends too early, at "),
    (re.compile("^expected (?:value|ident) at "), "unexpected text at "),
)
"""Errors in the words of pydantic's parser, and in plain words."""

_NOT_A_NUMBER: Final = ("finite_number", "float_type")
"""pydantic's names for the error of a value that is not a number."""

_VALUES: Final = {"values", "air_temperature", "wind_speed"}
"""Names of the lists in which null marks a missing value."""


def first_error(errors: Sequence[Mapping[str, Any]], subject: str, known_fields: str = "") -> str:
    """Return a sentence for the first of pydantic's errors, and how many more there are."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return f"{subject} is not JSON: {invalid_json(first.get('ctx', {}).get('error', first['msg']))}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{location_of(first) or subject}: {message_of(first, known_fields)}{more}"


def invalid_json(error: str) -> str:
    """Return an error of pydantic's JSON parser in plain words."""
    for pattern, words in _JSON_ERRORS:
        error = pattern.sub(words, error)
    return error


def location_of(error: Mapping[str, Any]) -> str:
    """Return where an error is, such as ``events[0].above``; empty for the whole request."""
    path = ""
    for part in error["loc"]:
        if not is_tag(part):
            path += f"[{part}]" if isinstance(part, int) else f".{part[:64]}"
    return path.removeprefix(".")


def message_of(error: Mapping[str, Any], known_fields: str = "") -> str:
    """Return what is wrong, in the words of JSON; ``known_fields`` as in :func:`first_error`."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "missing":
        return "this field is required"
    if error["type"] == "extra_forbidden":
        return f"unknown field; {known_fields}" if known_fields else "unknown field"
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == ONE_LINE:
        return "must be one line, without control characters"
    message = _SUBJECT.sub("must", str(error["msg"]), count=1).replace(" after validation", "")
    message = _UNPARSED.sub("", message)
    is_value = error["type"] in _NOT_A_NUMBER and not _VALUES.isdisjoint(error["loc"][:-1])
    return f"{message}; use null for a missing value" if is_value else message
