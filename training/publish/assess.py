"""What the models of a run are worth: every one of them on every part, every station, every lead."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.evaluation.division import Split
from forecasting.evaluation.model_report import ModelReport
from forecasting.evaluation.report import Drift, StationReport
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.evaluation.verification import exceedance, intervals, probability_score, skills
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.training_range import TrainingRange
from forecasting.references.baselines import Baselines
from forecasting.scores.accuracy import Accuracy, anomaly_correlation, rounded_one
from forecasting.series.origins import Roller
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import Fit
from training.publish.export import Exported


@dataclass(frozen=True)
class Assessment:
    """What every model said of the test part, and how good it was on each part.

    Attributes:
        accuracy: of every model on every part, of all stations that were trained on together; without the validation
            part where a reference cannot be fitted to what comes before that.
        stations: the test part of each station that was trained on.
        left_out: that of each that was not.
    """

    accuracy: dict[str, dict[Split, Accuracy]]
    stations: Mapping[str, Evaluation]
    left_out: Mapping[str, Evaluation]

    def models(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata], fits: Mapping[tuple[str, int], Fit]
    ) -> tuple[ModelReport, ...]:
        """The rows of the report, in the order of ``accuracy``."""
        test = Evaluation.joined(list(self.stations.values()))
        return tuple(
            _network(name, self.accuracy[name], test, dataset, networks, fits)
            if name in networks
            else ModelReport(
                name=name,
                kind="baseline",
                accuracy=self.accuracy[name],
                anomaly_correlation=_anomaly_correlation(test, name),
            )
            for name in self.accuracy
        )

    def station_reports(
        self, dataset: Dataset, networks: Mapping[str, CheckpointMetadata]
    ) -> tuple[StationReport, ...]:
        """Each station of a panel; none where there is one series."""
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
                coverage={level: one.coverage for level, one in intervals(test, best, errors).items()},
            )
            for name, test in {**self.stations, **self.left_out}.items()
        )

    def left_out_accuracy(self) -> dict[str, Accuracy]:
        """Of the stations that were left out, together; empty where there are none."""
        if not self.left_out:
            return {}
        test = Evaluation.joined(list(self.left_out.values()))
        return {name: test.accuracy(name) for name in test.predicted}


def assess(dataset: Dataset, config: TrainingConfig, exported: Mapping[str, Exported]) -> Assessment:
    """Roll every model through every part.

    On the validation part each model is one that has not seen it: the networks before their refit, and references
    fitted on the training part. References are fitted to each station by itself, also to those that were left out.
    """
    networks: dict[str, Roller] = {cell: one.forecaster for cell, one in exported.items()}
    stations = {name: _rolled(one, config, "test", networks) for name, one in dataset.stations.items()}
    left_out = {name: _rolled(one, config, "test", networks) for name, one in dataset.left_out.items()}
    test = Evaluation.joined(list(stations.values()))
    train = Evaluation.joined([_rolled(one, config, "train", networks) for one in dataset.stations.values()])
    validation = Evaluation.joined([_rolled(one, config, "validation", {}) for one in dataset.stations.values()])
    accuracy: dict[str, dict[Split, Accuracy]] = {}
    for name in test.predicted:
        accuracy[name] = {"train": train.accuracy(name)}
        if name in exported:
            accuracy[name]["validation"] = exported[name].forecaster.metadata.accuracy["validation"]
        elif name in validation.predicted:
            accuracy[name]["validation"] = validation.accuracy(name)
        accuracy[name]["test"] = test.accuracy(name)
    return Assessment(accuracy, stations, left_out)


def drift(assessed: Assessment, trained: TrainingRange) -> Drift:
    """How far the test part lies from what the weights were fitted on, whose range is ``trained``."""
    test = Evaluation.joined(list(assessed.stations.values()))
    observed = test.origins.targets[:, 0]
    known = np.isfinite(observed)
    values, usual = observed[known], test.predicted["climatology"][known, 0]
    unlike = trained.unlike(test.origins.windows[known], test.origins.valid_time[known])
    return Drift(
        minimum=trained.minimum,
        maximum=trained.maximum,
        below=rounded_one((values < trained.minimum).mean()),
        above=rounded_one((values > trained.maximum).mean()),
        anomaly=rounded_one((values - usual).mean()),
        unlike=rounded_one(unlike.mean()),
    )


def _rolled(station: Dataset, config: TrainingConfig, split: Split, networks: Mapping[str, Roller]) -> Evaluation:
    """Networks and references through one part of a station; the references know no validation part that is rolled."""
    past = station.past("train" if split == "validation" else "validation")
    baselines = Baselines.fit(past, config.shape)
    return Evaluation.run(station.origins(split), {**networks, **baselines.rollers()})


def _network(
    name: str,
    accuracy: dict[Split, Accuracy],
    test: Evaluation,
    dataset: Dataset,
    networks: Mapping[str, CheckpointMetadata],
    fits: Mapping[tuple[str, int], Fit],
) -> ModelReport:
    metadata, references = networks[name], [other for other in test.predicted if other not in networks]
    fitted, past = fits[name, metadata.seed], [one.past("validation") for one in dataset.stations.values()]
    times, values = np.concatenate([one.times for one in past]), np.concatenate([one.values for one in past])
    return ModelReport(
        name=name,
        kind="recurrent",
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
        epochs=fitted.epochs,
        loss=fitted.loss,
    )


def _anomaly_correlation(test: Evaluation, name: str) -> tuple[float | None, ...]:
    return anomaly_correlation(test.origins.targets, test.predicted[name], test.predicted["climatology"])
