import pytest

from forecasting.wording import available, counted, in_degrees, listed, too_few


def test_a_count_of_one_is_singular() -> None:
    assert (counted(1, "value"), counted(2, "value")) == ("1 value", "2 values")
    assert (too_few(1, "value"), too_few(0, "value")) == ("1 value is too few", "0 values are too few")


def test_an_empty_choice_says_none() -> None:
    assert available(["rnn", "gru"]) == "available: rnn, gru"
    assert available(()) == "available: none"


def test_long_lists_of_names_are_shortened_with_a_count() -> None:
    assert listed(["a", "b"], limit=2) == "a, b"
    assert listed(["a", "b", "c", "d"], limit=2) == "a, b and 2 more"
    assert listed(str(i) for i in range(20)).endswith("10, 11 and 8 more")


@pytest.mark.parametrize(
    ("latitude", "longitude", "text"),
    [(43.5, 7, "43.5° N, 7° E"), (-38, -89, "38° S, 89° W"), (0, 200, "0° N, 200° E")],
)
def test_positions_name_their_hemispheres(latitude: float, longitude: float, text: str) -> None:
    assert in_degrees(latitude, longitude) == text
