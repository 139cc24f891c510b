"""Numbers in requests, as types of fields."""

from typing import Annotated

from pydantic import Field

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
"""A JSON number; text is not converted."""
