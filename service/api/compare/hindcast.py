"""The forecasts that a model would have made during the test part, for ``GET /compare/hindcast``."""

from threading import Lock
from typing import Final

import numpy as np

from forecasting.errors import RequestError, SeriesError
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.json import Json, listed, written_times
from forecasting.releases.hindcasts import Hindcasts
from forecasting.releases.release import PlaceRelease
from forecasting.series.times import Floats, iso, parse_time

MAX_ORIGINS: Final = 100
"""Forecasts in one response."""


class HindcastStore:
    """Keeps the evaluated networks of each dataset in memory, once they were asked for. Safe in several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[str, Hindcasts]] = {}

    def load(self, release: PlaceRelease) -> Hindcasts:
        """Return the hindcasts of a release, loaded on the first call; those of its predecessor are dropped."""
        with self._lock:
            version, hindcasts = self._kept.get(release.dataset, ("", None))
            if hindcasts is None or version != release.version:
                hindcasts = Hindcasts.load(release)
                self._kept[release.dataset] = (release.version, hindcasts)
            return hindcasts


def hindcast_json(store: HindcastStore, release: PlaceRelease, cell: str, origin: str | None, n: int) -> Json:
    """Return the fields of :class:`HindcastAnswer`: forecasts from up to ``n`` origins, the first at ``origin``."""
    hindcasts = store.load(release)
    network = hindcasts.networks[cell]
    begin = hindcasts.last_complete if origin is None else hindcasts.find(_time(origin))
    forecasts = hindcasts.forecast(cell, begin, n)
    observed = hindcasts.origins.targets[begin : begin + n]
    return {
        "dataset": release.dataset,
        "version": release.version,
        "units": "celsius",
        "step": str(release.step),
        "model": network.metadata.model,
        "caveat": next(model.caveat for model in release.report.networks if model.name == cell),
        "horizon": network.metadata.horizon,
        "origins": _runs_json(hindcasts),
        "forecasts": _forecasts_json(forecasts, observed),
        "observations": _observations_json(hindcasts, begin, len(forecasts)),
    }


def _time(origin: str) -> np.datetime64:
    try:
        return parse_time(origin)
    except SeriesError as error:
        raise RequestError(f"origin: {error}", field="origin") from None


def _runs_json(hindcasts: Hindcasts) -> list[Json]:
    times = hindcasts.origin_times
    return [
        {"start": iso(times[first]), "end": iso(times[last]), "n": last - first + 1} for first, last in hindcasts.runs
    ]


def _forecasts_json(forecasts: Forecasts, observed: Floats) -> list[Json]:
    """Return each of ``forecasts`` with what was ``observed`` afterwards, °C ``(n, horizon)``."""
    columns, followed = forecasts.columns, listed(observed)
    sst, times = listed(forecasts.sst), written_times(forecasts.times)
    bounds = {level: tuple(map(listed, forecasts.bounds(level))) for level in columns.levels}
    baselines = {name: listed(forecasts.reference(name)) for name in columns.references}
    return [
        {
            "origin": iso(origin),
            "timestamps": times[i],
            "sst": sst[i],
            "intervals": [
                {"level": level, "lower": lower[i], "upper": upper[i], "calibrated": bool(forecasts.calibrated[i])}
                for level, (lower, upper) in bounds.items()
            ],
            "baselines": {name: values[i] for name, values in baselines.items()},
            "observed": followed[i],
        }
        for i, origin in enumerate(forecasts.issued)
    ]


def _observations_json(hindcasts: Hindcasts, begin: int, n: int) -> Json:
    """Return the observations from the window before the first of ``n`` origins to the last lead of the last one."""
    window, horizon = hindcasts.origins.windows.shape[1], hindcasts.origins.targets.shape[1]
    first = int(hindcasts.origins.position[begin]) - window
    end = int(hindcasts.origins.position[begin + n - 1]) + horizon
    return {"start": iso(hindcasts.series.times[first]), "values": listed(hindcasts.series.values[first:end])}
