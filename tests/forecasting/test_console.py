"""How the options of all commands are parsed."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from forecasting.console import levels, not_negative, number, positive, whole


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (positive, "1", 1), (not_negative, "0", 0), (whole, "-3", -3), (number, "-1.5", -1.5),
        (levels, "95,80,80", (80, 95)), (levels, "", ()),
    ],
)  # fmt: skip
def test_numbers_are_parsed(parse: Callable[[str], Any], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (positive, "0", "a whole number, 1 or more"),
        (positive, "x", "a whole number, 1 or more"),
        (not_negative, "-1", "a whole number, 0 or more"),
        (whole, "1.5", "a whole number"),
        (number, "x", "a number"),
        (levels, "80;95", "a list of percentages such as 80,95"),
    ],
)
def test_anything_else_is_refused(parse: Callable[[str], Any], text: str, expected: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^expected {expected}, not '{text}'$"):
        parse(text)
