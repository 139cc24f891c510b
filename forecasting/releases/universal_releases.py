"""The universal releases in the artifacts folder, found by name or by the step of a series."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.errors import ReleaseError, SeriesError, UnknownNameError
from forecasting.networks.device import choose_device
from forecasting.releases.release import Release, open_current, universal_names
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.network.forecaster import Coefficients
from forecasting.universal.release import BEST, UniversalRelease
from forecasting.universal.steps.any_step import forecast_at_any_step
from forecasting.universal.steps.resampling import nearest_step
from forecasting.wording import available


class UniversalReleases:
    """The loaded universal releases, at most one for each step.

    Attributes:
        releases: by name, such as ``ocean-daily``.
    """

    def __init__(self, releases: Mapping[str, UniversalRelease]) -> None:
        self.releases = releases
        self._by_step: dict[TimeStep, UniversalRelease] = {}
        for release in releases.values():
            if other := self._by_step.get(release.step):
                raise ReleaseError(
                    f"{other.name} and {release.name} both forecast steps of {in_words(str(release.step))}: remove one"
                )
            self._by_step[release.step] = release

    @classmethod
    def open(
        cls, artifacts: Path, device: torch.device, serving: Mapping[str, str] | None = None
    ) -> "UniversalReleases":
        """Load the current version of every universal release in ``artifacts``; there may be none.

        Args:
            artifacts: folder with the releases.
            device: that the networks run on.
            serving: versions that other processes serve, by name; loaded where the current version cannot be used.

        Raises:
            ReleaseError: if a release cannot be used.
        """
        serving = serving or {}
        return cls({name: _load(artifacts, name, device, serving.get(name)) for name in universal_names(artifacts)})

    def __len__(self) -> int:
        return len(self.releases)

    @property
    def steps(self) -> list[TimeStep]:
        """Steps that there are releases for, shortest first."""
        return sorted(self._by_step, key=lambda step: step.seconds)

    def with_release(self, release: UniversalRelease) -> "UniversalReleases":
        """Return the releases with ``release`` in place of the one of its name, if any."""
        return UniversalReleases({**self.releases, release.name: release})

    def release(self, name: str) -> UniversalRelease:
        """Return a release by its name.

        Raises:
            UnknownNameError: if it is not loaded.
        """
        if name not in self.releases:
            raise UnknownNameError(f"no universal release {name[:64]!r}; {available(self.releases)}")
        return self.releases[name]

    def of_step(self, step: TimeStep) -> UniversalRelease:
        """Return the release for series with this step.

        Raises:
            SeriesError: if there is none.
        """
        release = self._by_step.get(step)
        if release is None:
            steps = ", ".join(in_words(str(known)) for known in self.steps) or "none"
            raise SeriesError(
                f"no universal release forecasts steps of {in_words(str(step))}; available steps: {steps}; resample "
                "the series"
            )
        return release

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        record: bool = True,
    ) -> list[UniversalForecast | SeriesError]:
        """Forecast each of ``series``, at any step, with the release of its step or of the nearest one.

        Args:
            series: at any steps.
            horizon: number of steps after the end of each series, at its own step.
            coefficients: as for :meth:`~forecasting.universal.release.UniversalRelease.forecast_many`.
            model: ``best`` or a cell.
            record: as for ``coefficients``.

        Returns:
            In the order of ``series``: a forecast at the step of the series, or the error of one that cannot be
            forecast from, or as far.

        Raises:
            UnknownNameError: if a release has no such model.
        """
        if coefficients is None:
            coefficients = np.full((len(series), COEFFICIENTS), np.nan, dtype=np.float32)
        results: dict[int, UniversalForecast | SeriesError] = {}
        rows: dict[TimeStep, list[int]] = {}
        for i, member in enumerate(series):
            rows.setdefault(member.step, []).append(i)
        for step, places in rows.items():
            try:
                release = self.nearest(step)
            except SeriesError as error:
                results |= dict.fromkeys(places, error)
                continue
            forecasts = forecast_at_any_step(
                release,
                [series[i] for i in places],
                horizon,
                coefficients=coefficients[places],
                model=model,
                record=record,
            )
            results |= dict(zip(places, forecasts, strict=True))
        return [results[i] for i in range(len(series))]

    def nearest(self, step: TimeStep) -> UniversalRelease:
        """Return the release for series with this step, or with the nearest step that it can be resampled to.

        Raises:
            SeriesError: if there is none.
        """
        return self.of_step(nearest_step(step, self._by_step) or step)

    def of_model(self, model: str) -> UniversalRelease | None:
        """Return the release that has a network of this full name, such as ``ocean-daily-gru``; None if none has."""
        for release in self.releases.values():
            if any(network.metadata.model == model for network in release.networks.values()):
                return release
        return None


def load_universal(name: str, artifacts: Path | str = "artifacts", device: str = "cpu") -> UniversalRelease:
    """Load the universal release ``name``, such as ``ocean-daily``, from an artifacts folder, as notebooks do.

    Raises:
        UnknownNameError: if there is no such release.
        ReleaseError: if it cannot be used.
    """
    release = open_current(Path(artifacts), name)
    if not release.is_universal:
        others = available(universal_names(Path(artifacts)))
        raise UnknownNameError(f"{name} is the release of a place: open it with load_forecaster; universal: {others}")
    return UniversalRelease.open(release, choose_device(device))


def _load(artifacts: Path, name: str, device: torch.device, fallback: str | None) -> UniversalRelease:
    """Load the current version; if that fails, the version ``fallback``, if given."""
    try:
        return UniversalRelease.open(open_current(artifacts, name), device)
    except ReleaseError:
        if fallback is None:
            raise
        return UniversalRelease.open(Release.open(artifacts / name / fallback), device)
