"""The reading options, where they are created in Python and no command line or schema checks them."""

from typing import Any

import pytest

from forecasting.errors import RequestError
from forecasting.readers import ReadingOptions
from forecasting.readers.options import OPTIONS


@pytest.mark.parametrize(("option", "choices"), [("units", "celsius, kelvin, fahrenheit"), ("dates", "dmy, mdy")])
def test_a_value_that_is_none_of_the_choices_is_refused(option: str, choices: str) -> None:
    values: dict[str, Any] = {option: "foo"}
    with pytest.raises(RequestError, match=rf"^unknown {option} 'foo': use one of {choices}$"):
        ReadingOptions(**values)


@pytest.mark.parametrize("option", ["depth", "missing"])
def test_a_text_that_is_no_number_is_refused_in_words(option: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a number, not 'deep'$"):
        OPTIONS[option].parse("deep")
