"""FIXME docstring."""

from typing import Annotated, Any, Final, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError

MAX_UNKNOWN_FIELDS: Final = 50
"""Of a body: more that there are none of are not named one by one."""


class UnknownFieldsError(Exception):
    """A body has more fields that there are none of than are worth a sentence each."""


def _refuse_unknown(value: object, info: ValidationInfo) -> NoReturn:
    """Say that there is no such field; of many, each of which would take memory, end the reading instead."""
    if info.context is not None:
        info.context.append(info.field_name)
        if len(info.context) > MAX_UNKNOWN_FIELDS:
            raise UnknownFieldsError
    raise PydanticKnownError("extra_forbidden")


class RequestModel(BaseModel):
    """A body, or a part of one: read with a new list as context, in which unknown fields are counted."""

    # As "forbid" refuses them, which does not bound how many.
    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_refuse_unknown)]]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """That other fields than those named are refused."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["additionalProperties"] = False
        return schema
