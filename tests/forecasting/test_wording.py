from forecasting.wording import available, counted, listed, too_few


def test_one_of_a_thing_is_said_in_the_singular() -> None:
    assert (counted(1, "value"), counted(2, "value")) == ("1 value", "2 values")
    assert (too_few(1, "value"), too_few(0, "value")) == ("1 value is too few", "0 values are too few")


def test_where_there_is_nothing_to_choose_from_it_is_said() -> None:
    assert available(["rnn", "gru"]) == "available: rnn, gru"
    assert available(()) == "available: none"


def test_of_many_names_some_are_said_and_how_many_more_there_are() -> None:
    assert listed(["a", "b"], most=2) == "a, b"
    assert listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert listed(str(k) for k in range(20)).endswith("10, 11 and 8 more")
