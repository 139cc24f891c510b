"""Evaluation of the models of a run: each model on each part, at each station and lead."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.evaluation.division import Split
from forecasting.evaluation.event_report import VerifiedSeries, event_reports
from forecasting.evaluation.model_report import ModelReport
from forecasting.evaluation.report import Drift, SeedSpread, StationReport
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.evaluation.verification import exceedance, intervals, probability_score, skills
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.roller import NetworkRoller
from forecasting.networks.training_range import TrainingRange
from forecasting.references.baselines import Baselines
from forecasting.scores.accuracy import Accuracy, anomaly_correlation, rounded_one
from forecasting.series.origins import Roller
from forecasting.series.shape import ForecastShape
from training.examples.dataset import Dataset
from training.fit.cell_networks import CellNetworks, Ingredients
from training.fit.fitting import Fit
from training.publish.export import Exported


@dataclass(frozen=True)
class Assessment:
    """Forecasts of the test part by each model, and the accuracy of each model on each part.

    Attributes:
        accuracy: by model and part, over all stations that were trained on. A reference has no validation part if there
            is too little data before it to fit the reference to.
        stations: evaluation on the test part of each station that was trained on.
        left_out: evaluation on the test part of each station left out of training.
    """

    accuracy: dict[str, dict[Split, Accuracy]]
    stations: Mapping[str, Evaluation]
    left_out: Mapping[str, Evaluation]

    def models(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata], made: Mapping[str, CellNetworks]
    ) -> tuple[ModelReport, ...]:
        """The models of the report, in the order of ``accuracy``; ``made`` are the networks that were trained here."""
        test = Evaluation.joined(list(self.stations.values()))
        events = event_reports(self._verified(dataset), networks)
        return tuple(
            _network_report(networks[name], made.get(name), self.accuracy[name], test, dataset, networks).model_copy(
                update={"events": events[name]}
            )
            if name in networks
            else ModelReport(
                name=name,
                kind="baseline",
                accuracy=self.accuracy[name],
                anomaly_correlation=_anomaly_correlation(test, name),
            )
            for name in self.accuracy
        )

    def _verified(self, dataset: Dataset) -> list[VerifiedSeries]:
        stations = dataset.stations
        return [
            VerifiedSeries(stations[name].series, stations[name].past("validation"), test)
            for name, test in self.stations.items()
        ]

    def station_reports(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata]
    ) -> tuple[StationReport, ...]:
        """The stations of a panel; empty for a single series."""
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
        """Accuracy by model over all stations left out of training; empty if there are none."""
        if not self.left_out:
            return {}
        test = Evaluation.joined(list(self.left_out.values()))
        return {name: test.accuracy(name) for name in test.predicted}


def assess(dataset: Dataset, shape: ForecastShape, exported: Mapping[str, Exported]) -> Assessment:
    """Evaluate the networks that have not seen the test part, and the references, on every part.

    No model has seen the validation part that it is evaluated on: networks are those before their refit, and references
    are fitted to the training part. References are fitted to each station separately, also to those left out.
    """
    networks: dict[str, Roller] = {cell: checkpoint.evaluated.forecaster for cell, checkpoint in exported.items()}
    members = dataset.stations.values()
    stations = {name: _evaluate(station, shape, "test", networks) for name, station in dataset.stations.items()}
    left_out = {name: _evaluate(station, shape, "test", networks) for name, station in dataset.left_out.items()}
    test = Evaluation.joined(list(stations.values()))
    train = Evaluation.joined([_evaluate(station, shape, "train", networks) for station in members])
    validation = Evaluation.joined([_evaluate(station, shape, "validation", {}) for station in members])
    accuracy: dict[str, dict[Split, Accuracy]] = {}
    for name in test.predicted:
        accuracy[name] = {"train": train.accuracy(name)}
        if name in exported:
            accuracy[name]["validation"] = exported[name].evaluated.forecaster.metadata.accuracy["validation"]
        elif name in validation.predicted:
            accuracy[name]["validation"] = validation.accuracy(name)
        accuracy[name]["test"] = test.accuracy(name)
    return Assessment(accuracy, stations, left_out)


def drift(assessment: Assessment, training_range: TrainingRange) -> Drift:
    """How far the test part lies from the data that the weights were fitted to."""
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
    """Spread of the test RMSE one step ahead over the seeds of each cell."""
    dataset = ingredients.dataset
    one_step = dataset.origins("test", horizon=1)
    spread = {}
    for cell in ingredients.config.cells:
        start = made[cell].start
        share = start.share if start else 0.0
        seeds = tuple(seed for fitted_cell, seed in fits if fitted_cell == cell)
        networks = {str(seed): ingredients.evaluated(fits[cell, seed], share) for seed in seeds}
        rollers = {seed: NetworkRoller(network.eval(), dataset.series.step, CPU) for seed, network in networks.items()}
        evaluation = Evaluation.run(one_step, rollers)
        rmse = tuple(evaluation.accuracy(str(seed)).rmse[0] for seed in seeds)
        spread[cell] = SeedSpread(
            seeds=seeds, rmse=rmse, mean=rounded_one(np.mean(rmse)), std=rounded_one(np.std(rmse, ddof=1))
        )
    return spread


def _evaluate(station: Dataset, shape: ForecastShape, split: Split, networks: Mapping[str, Roller]) -> Evaluation:
    """Evaluate networks and references on one part; references are not fitted to a validation part they forecast."""
    past = station.past("train" if split == "validation" else "validation")
    baselines = Baselines.fit(past, shape)
    return Evaluation.run(station.origins(split), {**networks, **baselines.rollers()})


def _network_report(
    metadata: CheckpointMetadata,
    made: CellNetworks | None,
    accuracy: dict[Split, Accuracy],
    test: Evaluation,
    dataset: Dataset,
    networks: Mapping[str, CheckpointMetadata],
) -> ModelReport:
    name, references = metadata.cell, [other for other in test.predicted if other not in networks]
    past = [station.past("validation") for station in dataset.stations.values()]
    times, values = (
        np.concatenate([series.times for series in past]),
        np.concatenate([series.values for series in past]),
    )
    return ModelReport(
        name=name,
        kind=metadata.kind,
        accuracy=accuracy,
        p_value=test.p_values(name, references),
        coverage=test.coverage(name, metadata.errors),
        anomaly_correlation=_anomaly_correlation(test, name),
        skill=skills(test, name, references),
        intervals=intervals(test, name, metadata.errors),
        crps=probability_score(test, name, metadata.errors),
        exceedance=exceedance(test, name, metadata.errors, times, values),
        parameters=metadata.parameters,
        train_seconds=metadata.train_seconds,
        latency_ms=metadata.latency_ms,
        epochs=made.epochs if made else None,
        loss=made.loss if made else None,
    )


def _anomaly_correlation(test: Evaluation, name: str) -> tuple[float | None, ...]:
    return anomaly_correlation(test.origins.targets, test.predicted[name], test.predicted["climatology"])
