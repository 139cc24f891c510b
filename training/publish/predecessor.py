"""The release that serves before a new one, and its comparison with the new one on the same dates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import RequestError
from forecasting.evaluation.report import Report, parse_report
from forecasting.networks.device import CPU
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.loaded_release import load_evaluated
from forecasting.releases.release import Release, current_version, open_current
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, parse_time, short
from forecasting.series.timestep import in_words
from training.examples.dataset import Dataset

MIN_COMMON_DATES: Final = 10
"""Fewer dates do not show which of two releases is better."""

_REMEDY: Final = (
    "it keeps serving; use a longer series, or train again without --publish-if-not-worse to replace it anyway"
)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a comparison.

    Attributes:
        replaces: whether the new release is at least as good as the one that serves.
        sentence: both figures, or why there are none.
    """

    replaces: bool
    sentence: str


@dataclass(frozen=True)
class Predecessor:
    """The best network of the release that serves, with the weights that its accuracy was measured on.

    Attributes:
        version: of the release.
        network: fitted to nothing after ``fitted_until``.
        fitted_until: time of the last step that the weights have seen.
    """

    version: str
    network: Forecaster
    fitted_until: np.datetime64

    @classmethod
    def load(cls, artifacts: Path, name: str) -> "Predecessor | None":
        """Load the serving release of a dataset; None if nothing serves.

        Raises:
            RequestError: if the release is universal, or an imported network whose training data are unknown.
            ReleaseError: if it cannot be used.
        """
        if current_version(artifacts / name) is None:
            return None
        release = open_current(artifacts, name, TrustedKeys.chosen(()))
        if release.is_universal:
            raise RequestError(f"{name} is a universal release: choose another name for a place", field="name")
        report = parse_report(release.read("report.json"))
        network, fitted_until = _best(release, report)
        return cls(release.version, network, fitted_until)

    def compare(self, release: Release, report: Report, dataset: Dataset) -> Verdict:
        """Compare a new ``release`` of ``dataset`` with this one, one step ahead, on dates that neither was fitted to.

        Both forecast from the new data with the weights that their accuracy was measured on.
        """
        network, fitted_until = _best(release, report)
        if network.step != self.network.step:
            new_step, old_step = (in_words(str(forecaster.step)) for forecaster in (network, self.network))
            return Verdict(False, f"the new step is {new_step}, but that of {self.version} is {old_step}: {_REMEDY}")
        begin, both = max(fitted_until, self.fitted_until), (network, self.network)
        common = [_squared_errors(station.series, begin, both) for station in dataset.stations.values()]
        times = np.concatenate([times for times, _ in common])
        if len(times) < MIN_COMMON_DATES:
            return Verdict(
                False,
                f"the data has {len(times)} values to forecast after {short(begin)}, the end of the data that the two "
                f"releases were fitted to, but a comparison with {self.version} needs {MIN_COMMON_DATES}: {_REMEDY}",
            )
        new, old = np.sqrt(np.concatenate([squares for _, squares in common], axis=1).mean(axis=1))
        return Verdict(
            bool(new <= old),
            f"one step ahead on {len(times)} values from {short(times.min())} to {short(times.max())} that neither "
            f"release was fitted to, the RMSE of the new one is {new:.4f} °C, that of {self.version} {old:.4f} °C",
        )


def _best(release: Release, report: Report) -> tuple[Forecaster, np.datetime64]:
    """Return the evaluated network that did best on the validation part, and the last step that it was fitted to."""
    networks, _ = load_evaluated(release, CPU)
    network = networks[report.best.name]
    imported, seen = network.metadata.imported, parse_time(network.metadata.periods["validation"].end)
    if imported is None:
        return network, seen
    if imported.trained_until is None:
        raise RequestError(
            f"{release.dataset} serves an imported network, and it is unknown where its training data end, so no dates "
            "are known to be new to it: train without --publish-if-not-worse to replace it",
            field="publish_if_not_worse",
        )
    return network, max(seen, parse_time(imported.trained_until))


def _squared_errors(series: SstSeries, after: np.datetime64, networks: tuple[Forecaster, ...]) -> tuple[Times, Floats]:
    """Return the times from ``after`` on that all networks can forecast, and squared errors, °C² ``(networks, n)``."""
    begin = int(np.searchsorted(series.times, after, side="right"))
    candidates = []
    for network in networks:
        shape = ForecastShape(network.metadata.window, 1, network.metadata.fill_limit)
        candidates.append((network, origins(series, shape, begin, len(series))))
    positions = candidates[0][1].position
    for _, there in candidates[1:]:
        positions = np.intersect1d(positions, there.position)
    squares = []
    for network, there in candidates:
        chosen = there.take(np.flatnonzero(np.isin(there.position, positions)))
        forecast = network.roll(chosen.windows, chosen.valid_time, 1) if len(chosen) else chosen.targets
        squares.append((forecast - chosen.targets)[:, 0] ** 2)
    return series.times[positions], np.stack(squares)
