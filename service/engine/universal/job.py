"""What a request asks of universal networks: which of them, for which series, with which options."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from forecasting.errors import SeriesError
from forecasting.networks.metadata import CELLS
from forecasting.releases.loaded_universal import ALL, LoadedUniversal
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.release import BEST
from service.engine.options import ForecastOptions
from service.engine.reading.parsing import release_hint
from service.engine.reading.series_schema import InputSeries


class UniversalModels(NamedTuple):
    """The universal networks that a request asks for.

    Attributes:
        releases: all that are loaded.
        places: the step of each dataset of a place, by name.
        named: the release that the request names; None if the step of each series chooses it.
        model: ``best``, ``all`` or a cell.
    """

    releases: UniversalCatalog
    places: Mapping[str, TimeStep]
    named: LoadedUniversal | None
    model: str

    def release_at(self, step: TimeStep, horizon: int) -> LoadedUniversal:
        """Return the release that forecasts series at ``step``, which :meth:`refusal` lets pass."""
        loaded = self.named or self.releases.nearest(step, horizon)
        assert loaded is not None
        return loaded

    def refusal(self, step: TimeStep, horizon: int) -> SeriesError | None:
        """Return the error of a series at ``step`` that no release forecasts so far; None if one does."""
        words = in_words(str(step))
        if self.named is not None and step != self.named.step:
            expected = in_words(str(self.named.step))
            hint = release_hint(self.releases, step)
            return SeriesError(f"the step is {words}, but {self.named.dataset} forecasts steps of {expected}{hint}")
        loaded = self.named or self.releases.nearest(step, horizon)
        if loaded is None:
            served = self.releases.steps_in_words
            also = f", or send a series at an available step: {served}" if served else ""
            return SeriesError(
                f"the step is {words}, but no universal release for this step is loaded: {self._name_a_dataset()}{also}"
            )
        if loaded.step == step and horizon > loaded.networks.horizon:
            return SeriesError(
                f"horizon {horizon} is out of range: {loaded.dataset} forecasts 1 to {loaded.networks.horizon} "
                f"steps of {words}"
            )
        if self.model not in (*loaded.cells, BEST, ALL):
            return SeriesError(f"{loaded.dataset}-{self.model} is not loaded; loaded: {', '.join(loaded.models)}")
        return None

    def _name_a_dataset(self) -> str:
        datasets = ", ".join(f"{name} (steps of {in_words(str(step))})" for name, step in self.places.items())
        return f"name a dataset to use a model of one place: {datasets}"


@dataclass(frozen=True)
class UniversalJob:
    """The forecasts that a request asks of universal networks.

    Attributes:
        models: the networks.
        series: at least one.
        options: what each forecast contains.
    """

    models: UniversalModels
    series: Sequence[InputSeries]
    options: ForecastOptions

    @property
    def columns(self) -> tuple[str, ...]:
        """What forecasts each series: ``best`` or a cell, or with ``all`` each of several cells."""
        releases = self.models.releases.by_dataset.values() if self.models.named is None else [self.models.named]
        if self.models.model != ALL:
            return (self.models.model,)
        return tuple(dict.fromkeys(cell for loaded in releases for cell in loaded.cells)) or CELLS

    def known_fields(self, column: str) -> dict[str, str]:
        """Return what the request fixes about the model of a column for all series: its name, version and step."""
        named = self.models.named
        if named is None:
            return {}
        model = {"model": f"{named.dataset}-{column}"} if column in named.cells else {}
        return model | {"version": named.release.version, "step": str(named.step)}

    def check(self) -> None:
        """Raise RequestError if the release that the request names does not forecast so far."""
        if self.models.named is not None:
            self.models.named.networks.check(self.options.horizon)

    def pieces(self, size: int, values: int) -> "Iterator[UniversalJob]":
        """Yield jobs with some of the series each, in order: at most ``size`` and so many values, but at least one."""
        begin, total = 0, 0
        for i, given in enumerate(self.series):
            total += len(given.values)
            if i > begin and (i - begin == size or total > values):
                yield self._part(begin, i)
                begin, total = i, len(given.values)
        yield self._part(begin, len(self.series))

    def _part(self, begin: int, end: int) -> "UniversalJob":
        return UniversalJob(self.models, self.series[begin:end], self.options)
