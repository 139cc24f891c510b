"""The position at which the next page of a list begins."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple, TypeVar

from fastapi import Query
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

PAGE: Final = 100
"""Entries of a page by default."""

MAX_PAGE: Final = 1_000

_CURSOR: Final = r"^-?[0-9]{1,18}\.[0-9]{1,18}$"


def _checked(text: str) -> str:
    if text and not re.fullmatch(_CURSOR, text):
        raise PydanticCustomError("cursor", "send the `next` of the previous page, or leave it out")
    return text


PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most entries to return.")]
After = Annotated[
    str,
    Query(description="The `next` of the previous page."),
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": f"^$|{_CURSOR}"}),
]


Entry = TypeVar("Entry")


class Cursor(NamedTuple):
    """The last entry of a page: its time in Unix seconds, and its number among those of this time."""

    time: int
    number: int

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return what :meth:`__str__` has written; None for an empty text."""
        if not text:
            return None
        time, _, number = text.partition(".")
        return cls(int(time), int(number))

    def __str__(self) -> str:
        """Return the text that clients send back."""
        return f"{self.time}.{self.number}"


def cut_page(
    entries: Sequence[Entry], limit: int, cursor: Callable[[Entry], Cursor]
) -> tuple[Sequence[Entry], str | None]:
    """Return the first ``limit`` of ``entries``, and the ``next`` of their page: None if there are no more."""
    page = entries[:limit]
    return page, str(cursor(page[-1])) if len(entries) > limit else None
