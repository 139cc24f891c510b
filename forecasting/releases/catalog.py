"""The releases in an artifacts folder, and the models that a name, a dataset, a step and a horizon mean among them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecasting.bundled import default_artifacts
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import ALL, BEST, Model, climatology_at, ignoring_weather, out_of_range
from forecasting.models.metadata import CELLS
from forecasting.models.universal.contexts import other_step_error
from forecasting.models.universal.resampling import Resampling, nearest_step, refusal_at_any_step
from forecasting.references.baselines import BASELINES, REFERENCES
from forecasting.releases.release import (
    PlaceRelease,
    Release,
    SeaRelease,
    dataset_names,
    open_current,
    universal_names,
)
from forecasting.releases.trust import TrustedKeys
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import available

if TYPE_CHECKING:
    import torch

    from forecasting.models.place.forecaster import Forecaster
    from forecasting.models.universal.checks import Check
    from forecasting.models.universal.release import UniversalRelease

Run = Callable[[Model, SeriesBatch, ForecastOptions], Forecasts]


class Catalog:
    """The releases in an artifacts folder.

    Attributes:
        default_dataset: dataset of a place, used where no dataset is named; None without one.
    """

    def __init__(self, releases: Iterable[Release] = (), default_dataset: str | None = None) -> None:
        """Hold the releases of places, and universal ones, at most one for each step."""
        ordered = sorted(releases, key=lambda release: isinstance(release, SeaRelease))
        self.releases = {release.dataset: release for release in ordered}
        self.default_dataset = default_dataset
        self._unusable: dict[str, ForecastError] = {}
        self._unusable_universal: ForecastError | None = None

    @classmethod
    def open(
        cls,
        artifacts: Path,
        device: "torch.device | str",
        default_dataset: str | None = None,
        serving: Mapping[str, str] | None = None,
        trusted: TrustedKeys | None = None,
        *,
        lazy: bool = False,
    ) -> "Catalog":
        """Load the current release of every dataset in ``artifacts``.

        Args:
            artifacts: folder with the releases.
            device: device of the networks.
            default_dataset: used where no dataset is named.
            serving: versions that other processes serve, by dataset; loaded where the current release of a dataset is
                missing or cannot be used.
            trusted: keys that must have signed each release; None to load any release.
            lazy: whether to load each release on first use, which raises its errors; for one thread.

        Raises:
            ReleaseError: if a release cannot be used, no trusted key signed it, or the default dataset has no release.
        """
        serving = serving or {}
        names = sorted({*dataset_names(artifacts), *serving})
        universal = universal_names(artifacts)
        places = [name for name in names if name not in universal]
        if default_dataset is not None and default_dataset not in places:
            raise ReleaseError(
                f"{artifacts} has no release of the default dataset {default_dataset!r}; {available(places)}; train "
                "one with python -m training"
            )
        if lazy:
            opened, unusable = [], dict[str, ForecastError]()
            for name in names:
                try:
                    opened.append(open_current(artifacts, name, trusted, device))
                except ForecastError as error:
                    unusable[name] = error
            catalog = cls(opened, default_dataset)
            catalog._unusable = unusable
            catalog._unusable_universal = next((unusable[name] for name in universal if name in unusable), None)
            return catalog
        catalog = cls((), default_dataset)
        for name in names:
            catalog = catalog.with_release(_load_current(artifacts, name, device, serving.get(name), trusted))
        return catalog

    @property
    def places(self) -> dict[str, PlaceRelease]:
        """The releases of one place, by dataset."""
        return {name: release for name, release in self.releases.items() if isinstance(release, PlaceRelease)}

    @property
    def universal(self) -> dict[str, SeaRelease]:
        """The releases that forecast any series at their step or one near it, by dataset."""
        return {name: release for name, release in self.releases.items() if isinstance(release, SeaRelease)}

    @property
    def models(self) -> "list[Forecaster]":
        """All networks of places."""
        return [forecaster for release in self.places.values() for forecaster in release.forecasters.values()]

    @property
    def datasets(self) -> list[str]:
        """Names of all datasets."""
        return sorted([*self.releases, *self._unusable])

    @property
    def model_names(self) -> list[str]:
        """Full names of all networks, except in releases that cannot be opened."""
        return [name for release in self.releases.values() for name in release.models]

    @property
    def versions(self) -> dict[str, str]:
        """The loaded version of each dataset."""
        return {dataset: release.version for dataset, release in self.releases.items()}

    def with_release(self, release: Release) -> "Catalog":
        """Return a catalog in which ``release`` replaces the release of its dataset, if any.

        Raises:
            ReleaseError: if another universal release has the same step.
        """
        others = [other for name, other in self.releases.items() if name != release.dataset]
        catalog = Catalog([*others, release], self.default_dataset)
        _by_step(catalog.universal.values())
        return catalog

    def without(self, models: Collection[str]) -> "Catalog":
        """Return a catalog without the networks of these full names."""
        if not models:
            return self
        return Catalog([release.without(models) for release in self.releases.values()], self.default_dataset)

    def dataset(self, name: str | None) -> PlaceRelease:
        """Return the release of one place; of the default dataset if ``name`` is None.

        Raises:
            UnknownNameError: if there is no such dataset.
            RequestError: if its release is universal.
        """
        name = name or self.default_dataset or ""
        return _of_place(self._release(name), name, "dataset")

    def _release(self, dataset: str) -> Release:
        if error := self._unusable.get(dataset):
            raise error
        if dataset not in self.releases:
            raise UnknownNameError(f"no dataset {dataset[:64]!r}; {available(self.datasets)}")
        return self.releases[dataset]

    def find(self, model: str, dataset: str | None = None) -> tuple[Release, str]:
        """Return the release that a name means within ``dataset``, and ``best``, ``all`` or the cell that it means.

        Args:
            model: ``best``, ``all``, a cell, or a full name.
            dataset: that the name is looked up in; the default dataset if None.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        if owner := self._owner(model):
            release, cell = owner
            if dataset not in (None, release.dataset):
                self._release(dataset)
                raise RequestError(f"model {model} belongs to dataset {release.dataset}, not {dataset}", field="model")
            return release, cell
        if not dataset and self.default_dataset is None:
            raise unknown_model(model, [BEST, ALL, *CELLS])
        release = self._release(dataset or self.default_dataset or "")
        if not release.cells:
            others = available(self.model_names) if self.model_names else "no other dataset has one loaded"
            raise UnknownNameError(f"all models of {release.dataset} are unloaded: load one again; {others}")
        if model not in (BEST, ALL, *release.cells):
            raise unknown_model(model, [BEST, ALL, *release.manifest.cells, *self.model_names])
        return release, model

    def _owner(self, model: str) -> tuple[Release, str] | None:
        """Return the release and the cell of a full name; None if no network is called that."""
        for dataset in self.datasets:
            cell = model.removeprefix(f"{dataset}-")
            if cell != model and cell in self._release(dataset).cells:
                return self.releases[dataset], cell
        return None

    def resolve(self, model: str, dataset: str | None = None) -> "tuple[PlaceRelease, list[Forecaster]]":
        """Return the release of one place that a name means, and its networks; see :meth:`find`.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``, or a name means a universal release.
        """
        if dataset and self._owner(model) is None:
            self.dataset(dataset)
        release, name = self.find(model, dataset)
        place = _of_place(release, model, "model")
        return place, [place.forecasters[cell] for cell in place.cells_of(name)]

    def select(self, model: str, dataset: str | None) -> "Selection":
        """Return the models that ``model`` means within ``dataset``, for series of the caller.

        Without a dataset or a full name, the step of each series chooses the release.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        if not dataset and model in (BEST, ALL, *CELLS):
            return Selection(model, None, self)
        release, name = self.find(model, dataset or None)
        return Selection(name, release, self)

    @cached_property
    def served(self) -> dict[TimeStep, SeaRelease]:
        """The universal releases that serve, by step, shortest first."""
        if self._unusable_universal is not None:
            raise self._unusable_universal
        by_step = sorted(_by_step(self.universal.values()).items(), key=lambda item: item[0].seconds)
        return {step: release for step, release in by_step if release.cells}

    @property
    def steps_in_words(self) -> str:
        """The steps that are served, for a sentence: ``one day (ocean-daily), one month (ocean-monthly)``."""
        return ", ".join(f"{in_words(str(step))} ({release.dataset})" for step, release in self.served.items())

    @property
    def universal_cells(self) -> tuple[str, ...]:
        """Cells of the networks of all universal releases."""
        return tuple(dict.fromkeys(cell for release in self.universal.values() for cell in release.cells))

    def at(self, step: TimeStep) -> SeaRelease | None:
        """Return the universal release for series at ``step``; None if none serves."""
        return self.served.get(step)

    def nearest(self, step: TimeStep, horizon: int = 1) -> SeaRelease | None:
        """Return the release that series at ``step`` are forecast by: that of the step, else of the nearest one.

        A release that does not reach ``horizon`` steps ahead is left out if another one does. None if no release takes
        series at this step.
        """
        nearest = nearest_step(step, {other: release.horizon for other, release in self.served.items()}, horizon)
        return None if nearest is None else self.served[nearest]

    def hint(self, step: TimeStep) -> str:
        """Return the end of a sentence about series at ``step``: what forecasts them; empty if nothing does."""
        loaded, words = None, in_words(str(step))
        # Releases that cannot be used are no news where another one was named.
        with suppress(ForecastError):
            loaded = self.nearest(step)
        if loaded is None:
            return ""
        if loaded.step == step:
            return f"; {loaded.dataset} forecasts steps of {words}"
        return f"; without a dataset or model, {loaded.dataset} forecasts steps of {words} by resampling them"

    def check_values(
        self, series: SstSeries, position: tuple[float, float] | None = None, last: int | None = None
    ) -> "Check":
        """Check each value of ``series`` with the release of its step.

        Args:
            series: in °C.
            position: degrees north and east; None if unknown.
            last: number of values at the end to check; all if None.

        Raises:
            SeriesError: if no release that serves has the step of the series.
        """
        release = self.at(series.step)
        if release is None:
            known = self.steps_in_words
            if not known:
                raise SeriesError("the values are not checked: that needs a universal release, but none is loaded")
            raise SeriesError(
                f"the values are not checked, as no universal release has their step of {in_words(str(series.step))}: "
                f"resample them to one of {known}"
            )
        return release.universal.check_values(series, coefficients=_climatology_at(position), last=last)

    def refusals(self, series: SstSeries, position: tuple[float, float] | None = None) -> dict[str, SeriesError | None]:
        """Return why each universal release that serves cannot forecast ``series``; None for the one that can.

        Args:
            series: in °C, at any step.
            position: degrees north and east; None if unknown.
        """
        nearest = self.nearest(series.step)
        refusals: dict[str, SeriesError | None] = {}
        for name, release in self.universal.items():
            metadata = release.metadata[release.manifest.cells[0]]
            if release is nearest:
                refusals[name] = refusal_at_any_step(metadata, series)
                # Few series need their position, and looking it up takes longer than the rest.
                if refusals[name] is not None and position is not None:
                    refusals[name] = refusal_at_any_step(metadata, series, _climatology_at(position))
            elif release.cells:
                refusals[name] = other_step_error(series.step, metadata)
        return refusals


def _climatology_at(position: tuple[float, float] | None) -> Coefficients | None:
    return None if position is None else climatology_at(np.array([position]))[0]


def unknown_model(model: str, choices: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that no model has, with the ``choices``."""
    hint = f": {model} is included in each forecast, under baselines" if model in BASELINES else ""
    return UnknownNameError(f"no model {model[:64]!r}{hint}; {available(choices)}")


def _of_place(release: Release, name: str, field: str) -> PlaceRelease:
    """Return the release of one place that a request means by ``name``."""
    if not isinstance(release, PlaceRelease):
        raise RequestError(
            f"{name} forecasts any sea, so it has no series, test part or plot of its own: send your series to POST "
            "/forecast or POST /compare; GET /compare shows how its networks did on held-out seas",
            field=field,
        )
    return release


def _by_step(releases: Iterable[SeaRelease]) -> dict[TimeStep, SeaRelease]:
    """Return universal releases by their step."""
    found: dict[TimeStep, SeaRelease] = {}
    for release in releases:
        if other := found.get(release.step):
            words = in_words(str(release.step))
            raise ReleaseError(f"{other.dataset} and {release.dataset} both forecast steps of {words}: remove one")
        found[release.step] = release
    return found


def _load_current(
    artifacts: Path, dataset: str, device: "torch.device | str", fallback: str | None, trusted: TrustedKeys | None
) -> Release:
    """Load the current release of a dataset; if that fails, its version ``fallback``, if given."""
    try:
        return open_current(artifacts, dataset, trusted, device).load()
    except ForecastError as error:
        if fallback is None:
            raise
        try:
            return Release.open(artifacts / dataset / fallback, trusted, device).load()
        except ForecastError:
            # The user has to repair the current release, not the fallback.
            raise error from None


def forecast_directly(model: Model, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
    """Forecast a batch in the calling thread."""
    return model.forecast_batch(batch, options)


@dataclass(frozen=True, eq=False)
class Selection:
    """The models that a request asks for: those of a release that it names, or of the release for each series' step.

    Attributes:
        name: ``best``, ``all`` or a cell.
        release: that the request names; None if the step of each series chooses it.
    """

    name: str
    release: Release | None
    catalog: Catalog

    @cached_property
    def named(self) -> Sequence[Model]:
        """The models of that release; empty without one."""
        return () if self.release is None else self.release.select(self.name)

    @cached_property
    def _resolved(self) -> dict[tuple[TimeStep, int], Sequence[Model | SeriesError]]:
        """What :meth:`models_at` returned for steps of releases, by step and horizon; series may have any other."""
        return {}

    def release_at(self, step: TimeStep, horizon: int) -> Release:
        """Return the release for series at ``step``, which :meth:`refusal` lets pass."""
        release = self.release or self.catalog.nearest(step, horizon)
        assert release is not None
        return release

    @cached_property
    def is_quick(self) -> bool:
        """Whether all models are quick; see :class:`~forecasting.models.base.Model`."""
        return bool(self.named) and all(model.quick for model in self.named)

    @property
    def references(self) -> Sequence[str]:
        """Names of the references that a comparison may have."""
        return REFERENCES if self.release is None else self.release.references

    @cached_property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return None if self.release is None else self.release.reads_at

    @cached_property
    def default_step(self) -> TimeStep | None:
        """The step of series that do not tell theirs; None if they have to."""
        return None if self.release is None else self.release.step

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What forecasts each series: ``best`` or a cell, or with ``all`` each of several cells."""
        if self.name != ALL:
            return (self.name,)
        if self.named:
            return tuple(model.name.rpartition("-")[2] for model in self.named)
        return self.catalog.universal_cells or CELLS

    def known_fields(self, column: int) -> dict[str, str]:
        """Return what the request fixes for all series of a column: the name, version and step of its model."""
        if not self.named:
            return {}
        model = self.named[column]
        known = {"version": model.version, "step": str(model.step)}
        return known if model.name == model.dataset else {"model": model.name} | known

    def check(self, options: ForecastOptions) -> None:
        """Raise RequestError if a model that the request names does not offer what ``options`` ask for."""
        for model in self.named:
            model.check(options)

    def check_step(self, step: TimeStep, horizon: int) -> None:
        """Raise RequestError if series at ``step`` cannot be forecast ``horizon`` steps ahead, whatever their values.

        The field of the error is ``model``, ``step`` or ``horizon``.
        """
        if step == self.reads_at:
            return self.check(ForecastOptions(horizon))
        if error := self.refusal(step, horizon):
            raise RequestError(str(error), field="horizon" if self.refusal(step, 1) is None else "model")
        loaded = self.release_at(step, horizon)
        resampling, reach = Resampling(step, loaded.step), loaded.horizon
        if loaded.step == step or resampling.needed(0, horizon) <= reach:
            return None
        if most := resampling.longest(0, horizon, reach):
            raise RequestError(out_of_range(horizon, loaded.dataset, most, step), field="horizon")
        raise RequestError(
            f"{loaded.dataset} forecasts {reach} steps of {in_words(str(loaded.step))}, which do not reach one step of "
            f"{in_words(str(step))}: use a shorter step",
            field="step",
        )

    def levels(self, options: ForecastOptions) -> tuple[int, ...]:
        """Return the interval levels of all models, percent."""
        offered = [model.levels for model in self.named] or [range(1, 100)]
        return tuple(dict.fromkeys(level for some in offered for level in options.offered_levels(some)))

    def models_at(self, step: TimeStep, horizon: int) -> Sequence[Model | SeriesError]:
        """Return the model of each column, or why it has none, for series at a step that :meth:`refusal` lets pass."""
        models = self.named or self._resolved.get((step, horizon))
        if models is None:
            loaded = self.release_at(step, horizon)
            models = [_not_loaded(loaded, cell) or loaded.select(cell)[0] for cell in self.columns]
            if loaded.step == step:
                self._resolved[step, horizon] = models
        return models

    def forecast(self, series: SeriesByStep, options: ForecastOptions, run: Run = forecast_directly) -> list[Forecasts]:
        """Forecast each series with the models of its step.

        Args:
            series: at any steps; those that :meth:`refusal` refuses become errors.
            options: what each forecast contains.
            run: calls :meth:`~forecasting.models.base.Model.forecast_batch`.

        Returns:
            The forecasts of each of :attr:`columns`, in the units of ``options``.
        """
        errors, batches = dict(series.errors), []
        for rows, batch in series.batches:
            if error := self.refusal(batch.step, options.horizon):
                errors |= dict.fromkeys(rows.tolist(), error)
            else:
                batches.append((rows, batch))
        parts: list[list[Forecasts]] = [[] for _ in self.columns]
        if errors or not batches:
            parts = [[self._none(errors, options)] for _ in self.columns]
        for rows, batch in batches:
            for column, model in zip(parts, self.models_at(batch.step, options.horizon), strict=True):
                if isinstance(model, SeriesError):
                    column.append(self._none(dict.fromkeys(rows.tolist(), model), options))
                else:
                    column.append(self._run(run, model, batch, options).for_rows(rows, {}))
        return [Forecasts.joined(some) for some in parts]

    def _none(self, errors: dict[int, SeriesError], options: ForecastOptions) -> Forecasts:
        columns = Columns(self.levels(options), options.thresholds, ())
        return Forecasts.none(columns, options.horizon, errors).in_units(options.units)

    @cached_property
    def weather_refusal(self) -> str | None:
        """The sentence that refuses weather for a network of a place that the request names; None otherwise."""
        if self.reads_at is None or self.name in (BEST, ALL):
            return None
        return (
            f"{self.named[0].name} takes no weather, since it is a network of one place: leave out the weather, or the "
            "dataset and the model"
        )

    def _run(self, run: Run, model: Model, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        """Forecast a batch; weather over a series is an error if a network of a place was named."""
        if not batch.weather:
            return run(model, batch, options)
        if self.weather_refusal:
            batch = batch.with_errors(dict.fromkeys(batch.weather, SeriesError(self.weather_refusal)))
        return ignoring_weather(model, batch, lambda taken: run(model, taken, options))

    def refusal(self, step: TimeStep, horizon: int) -> SeriesError | None:
        """Return the error of a series at ``step`` that no release forecasts so far; None if one does."""
        if (step, horizon) in self._resolved:
            return None
        if self.named:
            model = self.named[0]
            if step != model.step:
                hint, words, expected = self.catalog.hint(step), in_words(str(step)), in_words(str(model.step))
                return SeriesError(f"the step is {words}, but {model.dataset} forecasts steps of {expected}{hint}")
            return _out_of_range(model.dataset, horizon, model.horizon, step)
        loaded = self.catalog.nearest(step, horizon)
        if loaded is None:
            served = self.catalog.steps_in_words
            also = f", or send a series at an available step: {served}" if served else ""
            words, remedy = in_words(str(step)), f"{self._name_a_dataset()}{also}"
            return SeriesError(f"the step is {words}, but no universal release for this step is loaded: {remedy}")
        if loaded.step == step and (error := _out_of_range(loaded.dataset, horizon, loaded.horizon, step)):
            return error
        return None if self.name == ALL else _not_loaded(loaded, self.name)

    def _name_a_dataset(self) -> str:
        datasets = ", ".join(
            f"{name} (steps of {in_words(str(place.step))})" for name, place in self.catalog.places.items()
        )
        return f"name a dataset to use a model of one place: {datasets}"


def _not_loaded(release: Release, cell: str) -> SeriesError | None:
    if cell in (*release.cells, BEST):
        return None
    return SeriesError(f"{release.dataset}-{cell} is not loaded; loaded: {', '.join(release.models)}")


def _out_of_range(dataset: str, horizon: int, longest: int, step: TimeStep) -> SeriesError | None:
    if horizon <= longest:
        return None
    return SeriesError(out_of_range(horizon, dataset, longest, step))


def load_forecaster(
    model: str, artifacts: Path | str | None = None, device: str = "cpu", trusted: TrustedKeys | None = None
) -> "Forecaster":
    """Load the network ``<dataset>-<cell>`` from an artifacts folder, as notebooks do.

    Args:
        model: full name of the network.
        artifacts: folder with the releases; None for ``artifacts`` in the working folder or, if there is none, the
            bundled releases.
        device: device of the networks.
        trusted: keys that must have signed the release; None to load any release.

    Raises:
        UnknownNameError: if there is no such model.
        ReleaseError: if its release cannot be used, or no trusted key signed it.
    """
    dataset, _, cell = model.rpartition("-")
    if not dataset:
        raise UnknownNameError(f"{model!r} names no network: write its dataset and its cell, as in nino12-gru")
    release = open_current(Path(artifacts or default_artifacts()), dataset, trusted, device)
    if not isinstance(release, PlaceRelease):
        raise UnknownNameError(f"{model} is a network of the universal release {dataset}: open it with load_universal")
    if cell not in release.cells:
        raise UnknownNameError(f"no model {model!r}; {available(release.models)}")
    return release.load_networks([cell])[cell]


def load_universal(
    name: str, artifacts: Path | str | None = None, device: str = "cpu", trusted: TrustedKeys | None = None
) -> "UniversalRelease":
    """Load the universal release ``name``, such as ``ocean-daily``, from an artifacts folder, as notebooks do.

    Args:
        name: name of the release.
        artifacts: folder with the releases; None for ``artifacts`` in the working folder or, if there is none, the
            bundled releases.
        device: device of the networks.
        trusted: keys that must have signed the release; None to load any release.

    Raises:
        UnknownNameError: if there is no such release.
        ReleaseError: if it cannot be used, or no trusted key signed it.
    """
    folder = Path(artifacts or default_artifacts())
    release = open_current(folder, name, trusted, device)
    if not isinstance(release, SeaRelease):
        others = ", ".join(universal_names(folder)) or "none"
        raise UnknownNameError(
            f"{name} is the release of a place: open it with load_forecaster. Universal releases: {others}"
        )
    return release.universal
