"""Evaluation of the models of a run: on each part, at each station and lead, and against the release that serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import RequestError
from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Drift, ModelReport, Report, SeedSpread, StationReport
from forecasting.evaluation.rolling_origin import (
    Evaluation,
    VerifiedSeries,
    event_reports,
    exceedance,
    intervals,
    probability_score,
    skills,
)
from forecasting.models.checkpoint import CPU
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.place.network import NetworkRoller
from forecasting.models.training_range import TrainingRange
from forecasting.references.baselines import Baselines
from forecasting.releases.release import PlaceRelease, current_version, open_current
from forecasting.releases.trust import TrustedKeys
from forecasting.scores.accuracy import Accuracy, anomaly_correlation, rounded_one
from forecasting.series.origins import Roller, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, parse_time, short
from forecasting.series.timestep import in_words
from training.data.dataset import Dataset
from training.fit.cell_networks import CellNetworks, Ingredients
from training.fit.fitting import Fit


@dataclass(frozen=True)
class Assessment:
    """Forecasts of the test part by each model, and the accuracy of each model on each part."""

    accuracy: dict[str, dict[Split, Accuracy]]
    stations: Mapping[str, Evaluation]
    left_out: Mapping[str, Evaluation]

    def models(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata], made: Mapping[str, CellNetworks]
    ) -> tuple[ModelReport, ...]:
        """Return the models of the report, in the order of ``accuracy``; ``made`` are the networks trained here."""
        past = {name: station.past("validation") for name, station in dataset.stations.items()}
        tested = [
            VerifiedSeries(dataset.stations[name].series, past[name], test) for name, test in self.stations.items()
        ]
        test, events = Evaluation.joined(list(self.stations.values())), event_reports(tested, networks)
        references = [name for name in test.predicted if name not in networks]
        observed, climatology = test.origins.targets, test.predicted["climatology"]
        reports = []
        for name, accuracy in self.accuracy.items():
            correlation = anomaly_correlation(observed, test.predicted[name], climatology)
            report = (
                ModelReport(name=name, kind="baseline", accuracy=accuracy)
                if name in references
                else _network_report(networks[name], made.get(name), test, references, list(past.values()))
            )
            update = {"accuracy": accuracy, "anomaly_correlation": correlation, "events": events.get(name, ())}
            reports.append(report.model_copy(update=update))
        return tuple(reports)

    def station_reports(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata]
    ) -> tuple[StationReport, ...]:
        """Return the stations of a panel; empty for a single series."""
        if len(dataset.stations) + len(dataset.left_out) == 1:
            return ()
        best = min(networks, key=lambda name: self.accuracy[name]["validation"].rmse[0])
        errors = networks[best].errors
        return tuple(
            StationReport(
                name=name,
                trained_on=name in self.stations,
                period={**dataset.stations, **dataset.left_out}[name].periods()["test"],
                accuracy={model: test.accuracy(model) for model in test.predicted},
                coverage={level: quality.coverage for level, quality in intervals(test, best, errors).items()},
            )
            for name, test in {**self.stations, **self.left_out}.items()
        )

    def left_out_accuracy(self) -> dict[str, Accuracy]:
        """Return the accuracy by model over all stations left out of training; empty if there are none."""
        if not self.left_out:
            return {}
        test = Evaluation.joined(list(self.left_out.values()))
        return {name: test.accuracy(name) for name in test.predicted}


def assess(dataset: Dataset, networks: Mapping[str, Forecaster]) -> Assessment:
    """Evaluate the networks that have not seen the test part, and the references, on every part.

    No model has seen the validation part that it is evaluated on: networks are those before their refit, and references
    are fitted to the training part. References are fitted to each station separately, also to those left out.
    """
    members = dataset.stations.values()
    stations = {name: _evaluate(station, "test", networks) for name, station in dataset.stations.items()}
    left_out = {name: _evaluate(station, "test", networks) for name, station in dataset.left_out.items()}
    test = Evaluation.joined(list(stations.values()))
    train = Evaluation.joined([_evaluate(station, "train", networks) for station in members])
    validation = Evaluation.joined([_evaluate(station, "validation", {}) for station in members])
    accuracy: dict[str, dict[Split, Accuracy]] = {}
    for name in test.predicted:
        accuracy[name] = {"train": train.accuracy(name)}
        if name in networks:
            accuracy[name]["validation"] = networks[name].metadata.accuracy["validation"]
        elif name in validation.predicted:
            accuracy[name]["validation"] = validation.accuracy(name)
        accuracy[name]["test"] = test.accuracy(name)
    return Assessment(accuracy, stations, left_out)


def drift(assessment: Assessment, training_range: TrainingRange) -> Drift:
    """Return how far the test part lies from the data that the weights were fitted to."""
    test = Evaluation.joined(list(assessment.stations.values()))
    observed = test.origins.targets[:, 0]
    known = np.isfinite(observed)
    values, climatology = observed[known], test.predicted["climatology"][known, 0]
    unlike = training_range.unlike(test.origins.windows[known], test.origins.valid_time[known])
    return Drift(
        minimum=training_range.minimum,
        maximum=training_range.maximum,
        below=rounded_one((values < training_range.minimum).mean()),
        above=rounded_one((values > training_range.maximum).mean()),
        anomaly=rounded_one((values - climatology).mean()),
        unlike=rounded_one(unlike.mean()),
    )


def seed_spread(
    ingredients: Ingredients, made: Mapping[str, CellNetworks], fits: Mapping[tuple[str, int], Fit]
) -> dict[str, SeedSpread]:
    """Return the spread of the test RMSE one step ahead over the seeds of each cell."""
    dataset = ingredients.dataset
    one_step = dataset.origins("test", horizon=1)
    spread = {}
    for cell in ingredients.config.cells:
        start = made[cell].start
        share = start.share if start else 0.0
        seeds = tuple(seed for fitted_cell, seed in fits if fitted_cell == cell)
        fitted = {str(seed): fits[cell, seed].evaluated for seed in seeds}
        networks = {seed: ingredients.mixed(cell, network, "validation", share) for seed, network in fitted.items()}
        rollers = {seed: NetworkRoller(network.eval(), dataset.series.step, CPU) for seed, network in networks.items()}
        evaluation = Evaluation.run(one_step, rollers)
        rmse = tuple(evaluation.accuracy(str(seed)).rmse[0] for seed in seeds)
        spread[cell] = SeedSpread(
            seeds=seeds, rmse=rmse, mean=rounded_one(np.mean(rmse)), std=rounded_one(np.std(rmse, ddof=1))
        )
    return spread


def _evaluate(station: Dataset, split: Split, networks: Mapping[str, Roller]) -> Evaluation:
    """Evaluate networks and references on one part; references are not fitted to a validation part they forecast."""
    past = station.past("train" if split == "validation" else "validation")
    baselines = Baselines.fit(past, station.shape)
    return Evaluation.run(station.origins(split), {**networks, **baselines.rollers()})


def _network_report(
    metadata: CheckpointMetadata,
    made: CellNetworks | None,
    test: Evaluation,
    references: list[str],
    past: Sequence[SstSeries],
) -> ModelReport:
    name, errors = metadata.cell, metadata.errors
    times, values = (np.concatenate(parts) for parts in zip(*((part.times, part.values) for part in past), strict=True))
    return ModelReport(
        name=name,
        kind=metadata.kind,
        accuracy={},
        p_value=test.p_values(name, references),
        coverage=test.coverage(name, errors),
        skill=skills(test, name, references),
        intervals=intervals(test, name, errors),
        crps=probability_score(test, name, errors),
        exceedance=exceedance(test, name, errors, times, values),
        parameters=metadata.parameters,
        train_seconds=metadata.train_seconds,
        latency_ms=metadata.latency_ms,
        epochs=made.epochs if made else None,
        loss=made.loss if made else None,
    )


MIN_COMMON_DATES: Final = 10
"""Fewer dates do not show which of two releases is better."""

_REMEDY: Final = (
    "it keeps serving; use a longer series, or train again without --publish-if-not-worse to replace it anyway"
)


@dataclass(frozen=True)
class Predecessor:
    """The best network of the release that serves, with the weights that its accuracy was measured on."""

    version: str
    network: Forecaster
    fitted_until: np.datetime64

    @classmethod
    def load(cls, artifacts: Path, name: str) -> "Predecessor | None":
        """Load the serving release of a dataset; None if nothing serves."""
        if current_version(artifacts / name) is None:
            return None
        release = open_current(artifacts, name, TrustedKeys.chosen(()))
        if not isinstance(release, PlaceRelease):
            raise RequestError(f"{name} is a universal release: choose another name for a place", field="name")
        network, fitted_until = _best(release, release.report)
        return cls(release.version, network, fitted_until)

    def compare(self, release: PlaceRelease, report: Report, dataset: Dataset) -> tuple[bool, str]:
        """Compare a new ``release`` of ``dataset`` with this one, one step ahead, on dates that neither was fitted to.

        Both forecast from the new data with the weights that their accuracy was measured on.
        """
        network, fitted_until = _best(release, report)
        if network.step != self.network.step:
            new_step, old_step = (in_words(str(forecaster.step)) for forecaster in (network, self.network))
            return False, f"the new step is {new_step}, but that of {self.version} is {old_step}: {_REMEDY}"
        begin, both = max(fitted_until, self.fitted_until), (network, self.network)
        common = [_squared_errors(station.series, begin, both) for station in dataset.stations.values()]
        times = np.concatenate([times for times, _ in common])
        if len(times) < MIN_COMMON_DATES:
            return (
                False,
                f"the data has {len(times)} values to forecast after {short(begin)}, the end of the data that the two "
                f"releases were fitted to, but a comparison with {self.version} needs {MIN_COMMON_DATES}: {_REMEDY}",
            )
        new, old = np.sqrt(np.concatenate([squares for _, squares in common], axis=1).mean(axis=1))
        return (
            bool(new <= old),
            f"one step ahead on {len(times)} values from {short(times.min())} to {short(times.max())} that neither "
            f"release was fitted to, the RMSE of the new one is {new:.4f} °C, that of {self.version} {old:.4f} °C",
        )


def _best(release: PlaceRelease, report: Report) -> tuple[Forecaster, np.datetime64]:
    """Return the evaluated network that did best on the validation part, and the last step that it was fitted to."""
    networks, _ = release.load_evaluated()
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
