"""Read JSON into models, large JSON part by part, and refuse what would take too much memory.

pydantic holds Python's lock while it reads, so that nothing else runs, and for a while it needs the memory of a second
copy. So a large body is cut at the objects of its long list, such as the series of a request.
"""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, TypeVar, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from forecasting.requests import UnknownFieldsError
from service.http.problems import ProblemError, errors_of, invalid_body
from service.worker.threads import stop_if_abandoned

Body = TypeVar("Body", bound=BaseModel)

SMALL_BYTES: Final = 2**16
"""A body up to this size takes little memory and time, whatever it holds."""

LARGE_BYTES: Final = 2**20
"""A body above this size is read in parts: a smaller one is read in about twenty milliseconds."""

_BASE_PARTS: Final = 5_000
_PARTS_PER_SERIES: Final = 12
"""Objects and arrays that JSON may hold. A request with too many series stays below, so that its error says that."""

_BYTES_PER_VALUE: Final = 3
_BYTES_PER_STRING: Final = 8
"""The fewest bytes of a useful value or string in JSON: ``24,`` takes three, and a month with its quotes nine."""

_MEMORY_OF_VALUE: Final = 64
_MEMORY_OF_STRING: Final = 64
_MEMORY_OF_PART: Final = 512
"""Memory that a value, a string, and an object, an array or a row of a file take, with what is computed from them."""

_BEFORE_NEXT_PART: Final = re.compile(rb'(?:[^"{[]++|"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z))*+', re.DOTALL)

_SPACE: Final = b" \t\r\n"
_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_KEY: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(?=\s*:\s*\Z)', re.DOTALL)


def read_json(model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
    """Return a JSON body as a ``model``."""
    refuse_costly(content, max_series, max_bytes)
    try:
        body = _read_in_parts(model, content) if len(content) > LARGE_BYTES else None
        if body is None:
            body = model.__pydantic_validator__.validate_json(content, context=[])
    except (ValidationError, UnknownFieldsError) as error:
        raise invalid_body(content, error) from None
    return body


def refuse_costly(content: bytes, max_series: int, max_bytes: int) -> None:
    """Refuse JSON that would take many times its size in memory while it is parsed.

    An object takes hundreds of bytes, a string or an array two hundred, a number a hundred. So their numbers are
    limited: to several times what ``max_series`` series need, and to what a useful body of ``max_bytes`` can hold.
    """
    if len(content) <= SMALL_BYTES:
        return
    most = _BASE_PARTS + _PARTS_PER_SERIES * max_series
    # This also counts brackets in strings, and rules out most bodies before the slower check.
    if content.count(b"{") + content.count(b"[") > most and _has_parts(content, most + 1):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the JSON contains more than {most} objects and arrays, which no valid request needs",
        )
    for noun, sign, signs, most in (
        ("values", b",", 1, max_bytes // _BYTES_PER_VALUE),
        ("strings", b'"', 2, max_bytes // _BYTES_PER_STRING),
    ):
        # Counting takes a tenth of the time of parsing, and few bodies are large enough to need it.
        if len(content) > signs * most and content.count(sign) > signs * most:
            detail = f"the JSON contains more than {most} {noun}: split it into several requests"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def working_bytes(content: bytes) -> int:
    """Return about how much memory it takes to parse a body and to work on its content: more than most bodies take."""
    return (
        _MEMORY_OF_VALUE * content.count(b",")
        + _MEMORY_OF_STRING * (content.count(b'"') // 2)
        + _MEMORY_OF_PART * (content.count(b"{") + content.count(b"[") + content.count(b"\n"))
    )


def _read_in_parts(model: type[Body], content: bytes) -> Body | None:
    """Return JSON as a ``model``; None if it has to be read as a whole, such as to say where it is not valid JSON."""
    name, part_model = _list_of_models(model)
    parts = None if part_model is None else _parts(content, name)
    if part_model is None or not parts:
        return None
    context: list[object] = []
    location: tuple[str | int, ...] = ("body",)
    try:
        head = content[: parts[0].stop] + content[parts[-1].stop :]
        body: Body = model.__pydantic_validator__.validate_json(head, context=context)
        models = getattr(body, name)
        for i, part in enumerate(parts[1:], 1):
            stop_if_abandoned()
            location = ("body", name, i)
            models.append(part_model.__pydantic_validator__.validate_json(content[part], context=context))
    except ValidationError as error:
        errors = errors_of(content, error)
        if errors[0]["type"] == "json_invalid":
            return None
        raise RequestValidationError([{**entry, "loc": (*location, *entry["loc"])} for entry in errors]) from None
    return body


def _has_parts(content: bytes, n: int) -> bool:
    """Whether JSON holds at least ``n`` objects and arrays, not counting brackets in strings."""
    at = -1
    for _ in range(n):
        match = _BEFORE_NEXT_PART.match(content, at + 1)
        at = len(content) if match is None else match.end()
        if at == len(content):
            return False
    return True


def _list_of_models(model: type[BaseModel]) -> tuple[str, type[BaseModel] | None]:
    """Return the first field of a model that is a list of models, and their type."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is list:
            (item,) = get_args(field.annotation)
            if isinstance(item, type) and issubclass(item, BaseModel):
                return name, item
    return "", None


def _parts(content: bytes, name: str) -> list[slice]:
    """Return where the objects of the list ``name`` are; nothing if they cannot be read one by one."""
    parts: list[slice] = []
    depth = lists = begin = after = 0
    is_inside = False
    for last, at in _brackets(content):
        if content[at] in b"{[":
            if depth == 1:
                is_inside = content[at] == ord("[") and _key(content[last:at]) == name
                lists += is_inside
            elif depth == 2 and is_inside:
                begin = at
                if content[after:begin].strip(_SPACE) != (b"," if parts else b""):
                    return []
            depth += 1
            after = at + 1 if depth == 2 else after
        else:
            depth -= 1
            if depth == 2 and is_inside:
                after = at + 1
                parts.append(slice(begin, after))
            elif depth == 1 and is_inside and content[after:at].strip(_SPACE):
                return []
    return parts if lists == 1 else []


def _brackets(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the place of each bracket that is not in a string, after the end of the one before."""
    last = 0
    while (match := _TO_BRACKET.match(content, last)) and match.end() < len(content):
        at = match.end()
        if content[at] == ord('"'):
            return
        yield last, at
        last = at + 1


def _key(between: bytes) -> Any:
    """Return the key before a value; ``between`` is what comes before that, from the last bracket."""
    match = _KEY.search(between)
    try:
        return json.loads(match[0]) if match else None
    except ValueError:
        return None
