"""Scores of a station, computed pair by pair from its archive and its observations."""

from collections import defaultdict
from itertools import pairwise
from math import sqrt

from tests.service.requests import Json

LEVELS = (50, 80, 90, 95)


def plain_verification(forecasts: list[Json], observations: Json) -> dict[int, Json]:
    """Return the scores by lead, in the form of ``GET /stations/{id}/verification`` but unrounded."""
    observed = dict(zip(observations["timestamps"], observations["values"], strict=True))
    pairs: dict[int, list[tuple[Json, int, float]]] = defaultdict(list)
    for forecast in forecasts:
        for place, time in enumerate(forecast["timestamps"]):
            if time in observed:
                pairs[place + 1].append((forecast, place, observed[time]))
    return {lead: _scores(each) for lead, each in sorted(pairs.items())}


def _scores(pairs: list[tuple[Json, int, float]]) -> Json:
    errors = {"best": [forecast["sst"][place] - value for forecast, place, value in pairs]}
    for name in pairs[0][0]["baselines"]:
        errors[name] = [forecast["baselines"][name][place] - value for forecast, place, value in pairs]
    models = {
        name: {
            "mae": sum(map(abs, each)) / len(each),
            "rmse": sqrt(sum(error**2 for error in each) / len(each)),
            "bias": sum(each) / len(each),
        }
        for name, each in errors.items()
    }
    best = models["best"]
    return {
        "n": len(pairs),
        "models": models,
        "skill": {name: 1 - best["rmse"] / model["rmse"] for name, model in models.items() if name != "best"},
        "crps": sum(_crps(*pair) for pair in pairs) / len(pairs),
        "coverage": {
            str(level): {
                "plain": _share(pairs, "plain", level),
                "recalibrated": _share(pairs, "intervals", level),
            }
            for level in LEVELS
        },
    }


def _crps(forecast: Json, place: int, value: float) -> float:
    """Return twice the quantile score over all probabilities, by the trapezoidal rule."""
    quantiles = {0.5: forecast["sst"][place]}
    for interval in forecast["intervals"]:
        tail = (1 - interval["level"] / 100) / 2
        quantiles |= {tail: interval["lower"][place], 1 - tail: interval["upper"][place]}
    points = [(0.0, 0.0)]
    for p, quantile in sorted(quantiles.items()):
        points.append((p, 2 * (p if value > quantile else p - 1) * (value - quantile)))
    points.append((1.0, 0.0))
    return sum((right - left) * (a + b) / 2 for (left, a), (right, b) in pairwise(points))


def _share(pairs: list[tuple[Json, int, float]], kind: str, level: int) -> float:
    inside = 0
    for forecast, place, value in pairs:
        (interval,) = (each for each in forecast[kind] or forecast["intervals"] if each["level"] == level)
        inside += interval["lower"][place] <= value <= interval["upper"][place]
    return inside / len(pairs)
