import numpy as np
import pytest

from research.simulation.water import heavy_tailed, log_uniform, oscillation, pulses, red_noise, relax


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_relaxation_is_the_recursion_it_states() -> None:
    forcing = np.array([[1.0], [0.0], [2.0]], dtype=np.float32)
    np.testing.assert_allclose(relax(forcing, np.array([0.5], dtype=np.float32))[:, 0], [1, 0.5, 2.25])


def test_red_noise_has_unit_variance_and_the_memory_asked_for(random: np.random.Generator) -> None:
    noise = red_noise(random, 4_000, np.full(50, 5.0, dtype=np.float32))
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert (noise[5:] * noise[:-5]).mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_oscillations_swing_back_after_half_a_period(random: np.random.Generator) -> None:
    swing = oscillation(random, 4_000, np.full(50, 40.0, np.float32), np.full(50, 80.0, np.float32))
    assert swing.std() == pytest.approx(1, abs=0.1)
    assert (swing[20:] * swing[:-20]).mean() == pytest.approx(-np.exp(-20 / 80), abs=0.1)


def test_heavy_tails_keep_unit_variance_and_exceed_the_normal_kurtosis(random: np.random.Generator) -> None:
    noise = heavy_tailed(random, 20_000, np.full(10, 6.0, dtype=np.float32))
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert (noise**4).mean() > 4


def test_pulses_come_at_the_rate_asked_for_and_decay(random: np.random.Generator) -> None:
    rate, decay = np.full(20, 0.02, np.float32), np.full(20, 0.8, np.float32)
    events = pulses(random, 5_000, rate, decay)
    assert events.min() >= 0
    assert events.mean() == pytest.approx(0.02 * (1 + 0.6 + 0.3) / (1 - 0.8), rel=0.2)


def test_log_uniform_values_lie_between_their_bounds(random: np.random.Generator) -> None:
    values = log_uniform(random, 0.1, 10, 1_000)
    assert values.min() >= 0.1
    assert values.max() <= 10
    assert np.median(values) == pytest.approx(1, rel=0.3)
