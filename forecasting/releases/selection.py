"""The models that a request asks for, and the release that forecasts each of its series."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from forecasting.errors import SeriesError
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import ALL, BEST, Model
from forecasting.models.metadata import CELLS
from forecasting.models.universal.references import REFERENCES
from forecasting.releases.loaded import Loaded
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.by_step import SeriesByStep
from forecasting.series.timestep import TimeStep, in_words

Run = Callable[[Model, SeriesBatch, ForecastOptions], Forecasts]


def forecast_directly(model: Model, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
    """Forecast a batch in the calling thread."""
    return model.forecast_batch(batch, options)


@dataclass(frozen=True, eq=False)
class Selection:
    """The models that a request asks for: those of a release that it names, or of the release for each series' step.

    Attributes:
        name: ``best``, ``all`` or a cell.
        release: that the request names; None if the step of each series chooses it.
        named: models of that release; empty without one.
        catalog: of all universal releases that are loaded.
        places: the step of each dataset of a place, by name.
    """

    name: str
    release: Loaded | None
    named: Sequence[Model]
    catalog: UniversalCatalog
    places: Mapping[str, TimeStep]

    def release_at(self, step: TimeStep, horizon: int) -> Loaded:
        """Return the release for series at ``step``, which :meth:`refusal` lets pass."""
        loaded = self.release or self.catalog.nearest(step, horizon)
        assert loaded is not None
        return loaded

    @property
    def is_quick(self) -> bool:
        """Whether all models are quick; see :class:`~forecasting.models.base.Model`."""
        return bool(self.named) and all(model.quick for model in self.named)

    @property
    def references(self) -> Sequence[str]:
        """Names of the references that a comparison may have."""
        return REFERENCES if self.release is None else self.release.references

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return None if self.release is None else self.release.reads_at

    @property
    def default_step(self) -> TimeStep | None:
        """The step of series that do not tell theirs; None if they have to."""
        return None if self.release is None else self.release.step

    @property
    def columns(self) -> tuple[str, ...]:
        """What forecasts each series: ``best`` or a cell, or with ``all`` each of several cells."""
        if self.name != ALL:
            return (self.name,)
        if self.named:
            return tuple(model.name.rpartition("-")[2] for model in self.named)
        return tuple(dict.fromkeys(c for loaded in self.catalog.by_dataset.values() for c in loaded.cells)) or CELLS

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

    def levels(self, options: ForecastOptions) -> tuple[int, ...]:
        """Return the interval levels of all models, percent."""
        offered = [model.levels for model in self.named] or [range(1, 100)]
        return tuple(dict.fromkeys(level for some in offered for level in options.offered_levels(some)))

    def models_at(self, step: TimeStep, horizon: int) -> Sequence[Model]:
        """Return the model of each column for series at ``step``, which :meth:`refusal` lets pass."""
        if self.named:
            return self.named
        loaded = self.release_at(step, horizon)
        return [model for column in self.columns for model in loaded.select(column)]

    def forecast(self, series: SeriesByStep, options: ForecastOptions, run: Run = forecast_directly) -> list[Forecasts]:
        """Forecast each series with the models of its step.

        Args:
            series: at steps that :meth:`refusal` lets pass.
            options: what each forecast contains.
            run: calls :meth:`~forecasting.models.base.Model.forecast_batch`.

        Returns:
            The forecasts of each of :attr:`columns`, in the units of ``options``.
        """
        nothing = Columns(self.levels(options), options.thresholds, ())
        unread = Forecasts.none(nothing, options.horizon, dict(series.errors)).in_units(options.units)
        parts = [[unread] for _ in self.columns]
        for rows, batch in series.batches:
            for column, model in zip(parts, self.models_at(batch.step, options.horizon), strict=True):
                column.append(run(model, batch, options).for_rows(rows, {}))
        return [Forecasts.joined(some) for some in parts]

    def refusal(self, step: TimeStep, horizon: int) -> SeriesError | None:
        """Return the error of a series at ``step`` that no release forecasts so far; None if one does."""
        words = in_words(str(step))
        if self.named:
            model = self.named[0]
            if step != model.step:
                hint, expected = self.catalog.hint(step), in_words(str(model.step))
                return SeriesError(f"the step is {words}, but {model.dataset} forecasts steps of {expected}{hint}")
            return _out_of_range(model.dataset, horizon, model.horizon, words)
        loaded = self.catalog.nearest(step, horizon)
        if loaded is None:
            served = self.catalog.steps_in_words
            also = f", or send a series at an available step: {served}" if served else ""
            return SeriesError(
                f"the step is {words}, but no universal release for this step is loaded: {self._name_a_dataset()}{also}"
            )
        if loaded.step == step and (error := _out_of_range(loaded.dataset, horizon, loaded.networks.horizon, words)):
            return error
        if self.name not in (*loaded.cells, BEST, ALL):
            return SeriesError(f"{loaded.dataset}-{self.name} is not loaded; loaded: {', '.join(loaded.models)}")
        return None

    def _name_a_dataset(self) -> str:
        datasets = ", ".join(f"{name} (steps of {in_words(str(step))})" for name, step in self.places.items())
        return f"name a dataset to use a model of one place: {datasets}"


def _out_of_range(dataset: str, horizon: int, longest: int, words: str) -> SeriesError | None:
    if horizon <= longest:
        return None
    return SeriesError(f"horizon {horizon} is out of range: {dataset} forecasts 1 to {longest} steps of {words}")
