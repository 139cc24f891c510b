"""The loaded universal releases, found by name or by the step of a series."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from forecasting.bundled import default_artifacts
from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecasts.forecast import Forecast
from forecasting.models.base import BEST
from forecasting.models.checkpoint import choose_device
from forecasting.models.universal.checks import Check
from forecasting.models.universal.contexts import other_step_error
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.model import forecast_at_any_step, refusal_at_any_step
from forecasting.models.universal.network import Coefficients
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.resampling import nearest_step
from forecasting.releases.loaded import LoadedUniversal
from forecasting.releases.release import open_current, universal_names
from forecasting.releases.trust import TrustedKeys
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import available


class UniversalCatalog:
    """The loaded universal releases, at most one for each step.

    Attributes:
        by_dataset: by name, such as ``ocean-daily``.
    """

    def __init__(self, by_dataset: Mapping[str, LoadedUniversal]) -> None:
        self.by_dataset = by_dataset
        self._by_step: dict[TimeStep, LoadedUniversal] = {}
        for loaded in by_dataset.values():
            if other := self._by_step.get(loaded.step):
                raise ReleaseError(
                    f"{other.dataset} and {loaded.dataset} both forecast steps of {in_words(str(loaded.step))}: remove "
                    "one"
                )
            self._by_step[loaded.step] = loaded

    @classmethod
    def open(cls, artifacts: Path, device: torch.device, trusted: TrustedKeys | None = None) -> "UniversalCatalog":
        """Load the current version of every universal release in ``artifacts``; there may be none.

        Args:
            artifacts: folder with the releases.
            device: that the networks run on.
            trusted: keys that must have signed each release; None to load any release.

        Raises:
            ReleaseError: if a release cannot be used, or no trusted key signed it.
        """
        releases = [open_current(artifacts, name, trusted) for name in universal_names(artifacts)]
        return cls({release.dataset: LoadedUniversal.load(release, device) for release in releases})

    def __len__(self) -> int:
        return len(self.by_dataset)

    @property
    def models(self) -> list[str]:
        """Full names of all networks that serve."""
        return [model for loaded in self.by_dataset.values() for model in loaded.models]

    @property
    def steps(self) -> list[TimeStep]:
        """Steps of the releases that serve, shortest first."""
        served = [step for step, loaded in self._by_step.items() if loaded.cells]
        return sorted(served, key=lambda step: step.seconds)

    @property
    def steps_in_words(self) -> str:
        """The steps that are served, for a sentence: ``one day (ocean-daily), one month (ocean-monthly)``."""
        return ", ".join(f"{in_words(str(step))} ({self._by_step[step].dataset})" for step in self.steps)

    def dataset(self, name: str) -> LoadedUniversal:
        """Return a release by its name.

        Raises:
            UnknownNameError: if it is not loaded.
        """
        if name not in self.by_dataset:
            raise UnknownNameError(f"no universal release {name[:64]!r}; {available(self.by_dataset)}")
        return self.by_dataset[name]

    def at(self, step: TimeStep) -> LoadedUniversal | None:
        """Return the release for series at ``step``; None if none serves."""
        loaded = self._by_step.get(step)
        return loaded if loaded and loaded.cells else None

    def nearest(self, step: TimeStep, horizon: int = 1) -> LoadedUniversal | None:
        """Return the release that series at ``step`` are forecast by: that of the step, else of the nearest one.

        A release that does not reach ``horizon`` steps ahead is left out if another one does. None if no release takes
        series at this step.
        """
        horizons = {other: loaded.networks.horizon for other, loaded in self._by_step.items() if loaded.cells}
        nearest = nearest_step(step, horizons, horizon)
        return None if nearest is None else self._by_step[nearest]

    def hint(self, step: TimeStep) -> str:
        """Return the end of a sentence about series at ``step``: what forecasts them; empty if nothing does."""
        loaded, words = self.nearest(step), in_words(str(step))
        if loaded is None:
            return ""
        if loaded.step == step:
            return f"; {loaded.dataset} forecasts steps of {words}"
        return f"; without a dataset or model, {loaded.dataset} forecasts steps of {words} by resampling them"

    def find(self, model: str, dataset: str | None) -> tuple[LoadedUniversal, str] | None:
        """Return the release and the cell, ``best`` or ``all`` that a name means; None if it is not universal.

        Raises:
            RequestError: if a full name contradicts ``dataset``.
            UnknownNameError: if the release has no such network.
        """
        for name, loaded in self.by_dataset.items():
            cell = model.removeprefix(f"{name}-")
            if cell != model and cell in loaded.cells:
                if dataset not in (None, name):
                    raise RequestError(f"model {model} belongs to dataset {name}, not {dataset}", field="model")
                return loaded, cell
            if dataset == name:
                loaded.select_cells(model)
                return loaded, model
        return None

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        record: bool = True,
        check: bool = False,
    ) -> list[Forecast[Quantiles] | SeriesError]:
        """Forecast each of ``series``, at any step, with the release of its step or of the nearest one.

        Args:
            series: at any steps.
            horizon: number of steps after the end of each series, at its own step.
            coefficients: as for :meth:`~forecasting.models.universal.release.UniversalRelease.forecast_many`.
            model: ``best`` or a cell.
            record: as for ``coefficients``.
            check: as for ``coefficients``.

        Returns:
            In the order of ``series``: a forecast at the step of the series, or the error of one that cannot be
            forecast from, or as far.

        Raises:
            UnknownNameError: if a release has no such model.
        """
        if coefficients is None:
            coefficients = np.full((len(series), COEFFICIENTS), np.nan, dtype=np.float32)
        results: dict[int, Forecast[Quantiles] | SeriesError] = {}
        rows: dict[TimeStep, list[int]] = {}
        for i, member in enumerate(series):
            rows.setdefault(member.step, []).append(i)
        for step, places in rows.items():
            loaded = self.nearest(step, horizon)
            if loaded is None:
                results |= dict.fromkeys(places, self._refusal(step))
                continue
            forecasts = forecast_at_any_step(
                loaded.networks,
                [series[i] for i in places],
                horizon,
                coefficients=coefficients[places],
                model=model,
                record=record,
                check=check,
            )
            results |= dict(zip(places, forecasts, strict=True))
        return [results[i] for i in range(len(series))]

    def check_values(
        self, series: SstSeries, position: tuple[float, float] | None = None, last: int | None = None
    ) -> Check:
        """Check each value of ``series`` with the release of its step.

        Args:
            series: in °C.
            position: degrees north and east; None if unknown.
            last: number of values at the end to check; all if None.

        Raises:
            SeriesError: if no release that serves has the step of the series.
        """
        loaded = self.at(series.step)
        if loaded is None:
            known = self.steps_in_words
            if not known:
                raise SeriesError("the values are not checked: that needs a universal release, but none is loaded")
            raise SeriesError(
                f"the values are not checked, as no universal release has their step of {in_words(str(series.step))}: "
                f"resample them to one of {known}"
            )
        return loaded.networks.check_values(series, coefficients=_climatology_at(position), last=last)

    def refusals(self, series: SstSeries, position: tuple[float, float] | None = None) -> dict[str, SeriesError | None]:
        """Return why each release that serves cannot forecast ``series``; None for the one that can.

        Args:
            series: in °C, at any step.
            position: degrees north and east; None if unknown.
        """
        nearest = self.nearest(series.step)
        refusals: dict[str, SeriesError | None] = {}
        for name, loaded in self.by_dataset.items():
            if loaded is nearest:
                refusals[name] = refusal_at_any_step(loaded.networks, series)
                # Few series need their position, and looking it up takes longer than the rest.
                if refusals[name] is not None and position is not None:
                    refusals[name] = refusal_at_any_step(loaded.networks, series, _climatology_at(position))
            elif loaded.cells:
                refusals[name] = other_step_error(series.step, loaded.networks.any_network.metadata)
        return refusals

    def _refusal(self, step: TimeStep) -> SeriesError:
        steps = ", ".join(in_words(str(known)) for known in self.steps) or "none"
        return SeriesError(
            f"no universal release forecasts steps of {in_words(str(step))}; available steps: {steps}; resample the "
            "series"
        )


def _climatology_at(position: tuple[float, float] | None) -> Coefficients | None:
    return None if position is None else GlobalClimatology.load().coefficients([position[0]], [position[1]])[0]


def load_universal(
    name: str, artifacts: Path | str | None = None, device: str = "cpu", trusted: TrustedKeys | None = None
) -> UniversalRelease:
    """Load the universal release ``name``, such as ``ocean-daily``, from an artifacts folder, as notebooks do.

    Args:
        name: of the release.
        artifacts: folder with the releases; None for ``artifacts`` in the working folder or, if there is none, the
            bundled releases.
        device: that the networks run on.
        trusted: keys that must have signed the release; None to load any release.

    Raises:
        UnknownNameError: if there is no such release.
        ReleaseError: if it cannot be used, or no trusted key signed it.
    """
    folder = Path(artifacts or default_artifacts())
    release = open_current(folder, name, trusted)
    if not release.is_universal:
        others = ", ".join(universal_names(folder)) or "none"
        raise UnknownNameError(
            f"{name} is the release of a place: open it with load_forecaster. Universal releases: {others}"
        )
    return LoadedUniversal.load(release, choose_device(device)).networks
