"""Random processes, simulated for many places at once."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Generator = np.random.Generator


def log_uniform(random: Generator, low: float, high: float, size: int) -> Array:
    """Draw ``size`` values between ``low`` and ``high`` whose logarithms are uniform."""
    return np.exp(random.uniform(np.log(low), np.log(high), size)).astype(np.float32)


def relax(forcing: Array, decay: Array) -> Array:
    """Integrate ``y[t] = decay · y[t - 1] + forcing[t]``.

    Args:
        forcing: ``(steps, places)``.
        decay: share that remains after a step, ``(places,)`` or ``(steps, places)``.

    Returns:
        ``(steps, places)``.
    """
    decay = np.broadcast_to(decay, forcing.shape)
    state = np.empty_like(forcing)
    state[0] = forcing[0]
    for step in range(1, len(forcing)):
        np.multiply(decay[step], state[step - 1], out=state[step])
        state[step] += forcing[step]
    return state


def red_noise(random: Generator, steps: int, memory: Array) -> Array:
    """Simulate first-order autoregressions of unit variance, ``(steps, places)``, from stationarity.

    Args:
        random: generator.
        steps: number of steps.
        memory: e-folding time in steps, ``(places,)``.
    """
    decay = np.exp(-1 / memory).astype(np.float32)
    forcing = random.standard_normal((steps, len(memory)), dtype=np.float32) * np.sqrt(1 - decay**2)
    forcing[0] = random.standard_normal(len(memory), dtype=np.float32)
    return relax(forcing, decay)


def oscillation(random: Generator, steps: int, period: Array, memory: Array) -> Array:
    """Simulate damped stochastic oscillations of unit variance, ``(steps, places)``.

    The real part of a complex autoregression, ``z[t] = exp(-1 / memory + 2πi / period) · z[t - 1] + noise``: the
    form of the linear recharge oscillator of El Niño (Burgers, Jin and van Oldenborgh 2005, Geophys. Res. Lett. 32).

    Args:
        random: generator.
        steps: number of steps.
        period: in steps, ``(places,)``.
        memory: e-folding time of the amplitude in steps, ``(places,)``.
    """
    places = len(period)
    turn = np.exp(-1 / memory + 2j * np.pi / period).astype(np.complex64)
    scale = np.sqrt(1 - np.abs(turn) ** 2)
    state = random.standard_normal(places) + 1j * random.standard_normal(places)
    values = np.empty((steps, places), dtype=np.float32)
    for step in range(steps):
        kick = random.standard_normal(places, dtype=np.float32) + 1j * random.standard_normal(places, dtype=np.float32)
        state = turn * state + scale * kick
        values[step] = state.real
    return values


def heavy_tailed(random: Generator, steps: int, freedom: Array) -> Array:
    """Draw Student's t noise of unit variance, ``(steps, places)``, with ``freedom`` > 2 degrees of freedom."""
    normal = random.standard_normal((steps, len(freedom)), dtype=np.float32)
    mixing = random.standard_gamma(np.broadcast_to(freedom / 2, normal.shape)).astype(np.float32) * 2
    return np.asarray(normal * np.sqrt((freedom - 2) / mixing), dtype=np.float32)


def pulses(random: Generator, steps: int, rate: Array, decay: Array) -> Array:
    """Simulate events that begin at random and decay, with exponential sizes of mean 1, ``(steps, places)``.

    Args:
        random: generator.
        steps: number of steps.
        rate: expected events per step, ``(places,)``.
        decay: share that remains after a step, ``(places,)``.
    """
    begins = random.random((steps, len(rate)), dtype=np.float32) < rate
    sizes = random.standard_exponential((steps, len(rate)), dtype=np.float32)
    # An event grows over three steps, as wind does, before it decays.
    growing = begins * sizes
    growing[1:] += 0.6 * (begins * sizes)[:-1]
    growing[2:] += 0.3 * (begins * sizes)[:-2]
    return relax(growing.astype(np.float32), decay)
