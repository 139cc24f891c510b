"""Rolling-origin evaluation: the forecasts of each model for every step of a part, and how good they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.scores.accuracy import Accuracy, diebold_mariano, rounded_or_none
from forecasting.scores.sampling import Groups
from forecasting.series.origins import Origins, Roller, joined
from forecasting.series.times import Floats, iso


@dataclass(frozen=True)
class Evaluation:
    """Forecasts of one part from every origin: °C ``(origins, leads)``, by model."""

    origins: Origins
    predicted: Mapping[str, Floats]

    @classmethod
    def run(cls, origins: Origins, rollers: Mapping[str, Roller]) -> "Evaluation":
        """Forecast every origin with every model."""
        leads = origins.targets.shape[1]
        rolled = {name: roller.roll(origins.windows, origins.valid_time, leads) for name, roller in rollers.items()}
        return cls(origins, rolled)

    @classmethod
    def joined(cls, parts: Sequence["Evaluation"]) -> "Evaluation":
        """Join the evaluations of several series, with the models that all of them have."""
        if len(parts) == 1:
            return parts[0]
        names = [name for name in parts[0].predicted if all(name in part.predicted for part in parts)]
        predicted = {name: np.concatenate([part.predicted[name] for part in parts]) for name in names}
        return cls(joined([part.origins for part in parts]), predicted)

    def accuracy(self, model: str) -> Accuracy:
        """Return the accuracy of one model, by lead."""
        return Accuracy.of(self.origins.targets, self.predicted[model])

    def residuals(self, model: str) -> Floats:
        """Return observation minus forecast, °C ``(origins, leads)``, NaN where nothing was observed."""
        return self.origins.targets - self.predicted[model]

    @property
    def groups(self) -> Groups:
        """Index of the distinct time of each origin, from 0; with one series, each origin has its own time."""
        groups: Groups = np.unique(self.origins.valid_time, return_inverse=True)[1]
        return groups

    def pooled_errors(self, model: str) -> Floats:
        """Return the root of the sum of squared errors over all series, by time, °C ``(times, leads)``."""
        squares, groups = self.residuals(model) ** 2, self.groups
        known = np.isfinite(squares)
        total, count = np.zeros((2, int(groups.max()) + 1, squares.shape[1]))
        np.add.at(total, groups, np.where(known, squares, 0.0))
        np.add.at(count, groups, known)
        errors: Floats = np.sqrt(np.where(count > 0, total, np.nan))
        return errors

    def p_values(self, model: str, references: list[str]) -> tuple[float | None, ...]:
        """Return p-values of the Diebold–Mariano test against the reference with the lowest RMSE, by lead."""
        rmse = {name: self.accuracy(name).rmse for name in references}
        errors = self.pooled_errors(model)
        reference_errors = {name: self.pooled_errors(name) for name in references}
        p_values = []
        for lead in range(errors.shape[1]):
            best = min(references, key=lambda name: rmse[name][lead])
            p_value = diebold_mariano(errors[:, lead], reference_errors[best][:, lead], lead + 1)
            p_values.append(rounded_or_none(p_value))
        return tuple(p_values)

    def coverage(self, model: str, errors: ErrorDistribution) -> dict[int, tuple[float, ...]]:
        """Return the share of observations inside the intervals, by level, per lead."""
        scale = errors.scale(self.origins.windows)
        return errors.coverage(self.origins.targets, self.predicted[model], self.origins.times, scale)

    def one_step(self) -> pd.DataFrame:
        """Return observed and predicted °C of one series at lead 1, a column for each model, by ISO time."""
        known = np.isfinite(self.origins.targets[:, 0])
        columns = {"observed": self.origins.targets[known, 0]}
        columns |= {name: predicted[known, 0] for name, predicted in self.predicted.items()}
        times = [iso(time) for time in self.origins.valid_time[known]]
        return pd.DataFrame(columns, index=pd.Index(times, name="time"))
