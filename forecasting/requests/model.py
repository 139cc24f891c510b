"""The base of requests: unknown fields are refused, and counted so that they cannot take much memory."""

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


def _refuse_unknown(value: object, info: ValidationInfo) -> NoReturn:
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
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_refuse_unknown)]]

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
