import numpy as np
import pytest

from forecasting.scores.events import score_event
from forecasting.series.times import Floats
from tests.forecasting.scores.test_probabilistic import autoregressive

PROBABILITY = np.array([0.05, 0.2, 0.2, 0.6, 0.95, 0.95, 1.0])
HAPPENED = np.array([0.0, 0, 1, 1, 1, 1, 1])


def in_order(n: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.arange(n)


def test_scores_are_those_of_a_table_computed_by_hand() -> None:
    climatology = np.full(7, 5 / 7)
    score = score_event(PROBABILITY, HAPPENED, {"climatology": climatology}, in_order(7))
    # 0.05² + 0.2² + 0.8² + 0.4² + 2 · 0.05² = 0.8475, and 7 · (5/7) · (2/7) = 10/7.
    assert score.n == 7
    assert score.frequency == pytest.approx(5 / 7, abs=1e-6)
    assert score.brier == pytest.approx(0.8475 / 7, abs=1e-6)
    assert score.skill["climatology"].brier == pytest.approx(10 / 49, abs=1e-6)
    assert score.skill["climatology"].value == pytest.approx(1 - 0.8475 / (10 / 7), abs=1e-6)
    table = [(row.minimum, row.maximum, row.n, row.probability, row.frequency) for row in score.reliability]
    assert table == [
        (0.0, 0.1, 1, 0.05, 0.0),
        (0.1, 0.3, 2, 0.2, 0.5),
        (0.5, 0.7, 1, 0.6, 1.0),
        (0.9, 1.0, 3, pytest.approx(0.966667), 1.0),
    ]


def test_a_perfect_forecast_has_no_error_and_a_reference_no_skill_over_itself() -> None:
    perfect = score_event(HAPPENED, HAPPENED, {"other": PROBABILITY}, in_order(7))
    assert (perfect.brier, perfect.brier_error, perfect.skill["other"].value) == (0, 0, 1)
    same = score_event(PROBABILITY, HAPPENED, {"same": PROBABILITY}, in_order(7)).skill["same"]
    assert (same.value, same.lower, same.upper) == (0, 0, 0)


def test_there_is_no_skill_over_a_perfect_reference() -> None:
    skill = score_event(PROBABILITY, HAPPENED, {"perfect": HAPPENED}, in_order(7)).skill["perfect"]
    assert (skill.brier, skill.value, skill.lower, skill.upper) == (0, None, None, None)


def test_a_share_of_none_still_has_an_interval() -> None:
    """The score interval of 0 of 10 ends at z² / (10 + z²)."""
    (only,) = score_event(np.full(10, 0.05), np.zeros(10), {}, in_order(10)).reliability
    assert (only.frequency, only.lower) == (0, 0)
    assert only.upper == pytest.approx(1.959964**2 / (10 + 1.959964**2), abs=1e-6)
    assert only.lower <= only.probability <= only.upper


def outcomes(memory: float, n: int = 2_000) -> tuple[Floats, Floats]:
    """A constant probability of ½ of an event that depends on its past."""
    return np.full(n, 0.5), (autoregressive(n, memory, 3)[:, 0] > 0).astype(np.float64)


def test_outcomes_that_depend_on_each_other_make_everything_less_certain() -> None:
    references = {"never": np.zeros(2_000)}
    apart, together = (score_event(*outcomes(memory), references, in_order(2_000)) for memory in (0.0, 0.95))
    skills = [score.skill["never"] for score in (together, apart)]
    widths = [skill.upper - skill.lower for skill in skills if skill.upper is not None and skill.lower is not None]
    assert widths[0] > 2 * widths[1]
    wide, narrow = together.reliability[0], apart.reliability[0]
    assert wide.upper - wide.lower > 2 * (narrow.upper - narrow.lower)


def test_copies_of_a_series_are_not_more_evidence() -> None:
    probability, happened = outcomes(0.0, 400)
    once = score_event(probability, happened, {"never": np.zeros(400)}, in_order(400))
    twice = score_event(
        np.tile(probability, 2), np.tile(happened, 2), {"never": np.zeros(800)}, np.tile(in_order(400), 2)
    )
    assert twice.n == 800
    assert twice.skill == once.skill
    assert twice.reliability[0].upper == pytest.approx(once.reliability[0].upper, abs=5e-3)


def test_an_event_that_never_happened_tells_nothing_about_skill() -> None:
    score = score_event(np.full(50, 0.01), np.zeros(50), {"other": np.full(50, 0.1)}, in_order(50))
    assert (score.frequency, score.brier) == (0, 0.0001)
    assert score.skill["other"].value is None
