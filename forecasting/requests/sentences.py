"""Sentences for what pydantic finds wrong with a request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from forecasting.requests.model import ONE_LINE, is_tag

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


def first_error(errors: Sequence[Mapping[str, Any]], subject: str, known_fields: str = "") -> str:
    """Return a sentence for the first of pydantic's errors, and how many more there are.

    Args:
        errors: at least one error.
        subject: what was sent, as in "the body", to name if an error has no location.
        known_fields: where to look them up, as a sentence; empty if nowhere.
    """
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
    is_value = error["type"] in _NOT_A_NUMBER and "values" in error["loc"][:-1]
    return f"{message}; use null for a missing value" if is_value else message
