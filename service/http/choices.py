"""The possible answers to a question about a file, which a client can send back as parameters."""

from typing import Final

from pydantic import BaseModel, Field

from forecasting.errors import SeriesError

MAX_CHOICES: Final = 100
"""Limit of answers, such as the stations of a file."""


class Choice(BaseModel):
    """A possible answer to a question that a file leaves open."""

    option: str = Field(description="The parameter to set.", examples=["dates"])
    value: str = Field(description="The value to set it to.", examples=["dmy"])
    label: str = Field(description="What the value means.", examples=["1 June 2010"])


def choices_of(error: SeriesError | None) -> list[Choice]:
    """Return the possible answers to what an error asks; none for None."""
    settings = () if error is None else error.choices[:MAX_CHOICES]
    return [Choice(option=setting.option, value=setting.text, label=setting.label) for setting in settings]
