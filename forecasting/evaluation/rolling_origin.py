"""Rolling-origin evaluation: what each model says of every step of a part, and how good that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecasting.networks.intervals import ErrorDistribution
from forecasting.scores.accuracy import Accuracy, diebold_mariano, rounded_or_none
from forecasting.scores.sampling import Groups
from forecasting.series.origins import Origins, Roller, joined
from forecasting.series.timestep import Floats, iso


@dataclass(frozen=True)
class Evaluation:
    """Forecasts of one part from every origin: °C ``(origins, leads)``, by model."""

    origins: Origins
    predicted: Mapping[str, Floats]

    @classmethod
    def run(cls, origins: Origins, rollers: Mapping[str, Roller]) -> "Evaluation":
        """Roll every model through every origin."""
        leads = origins.targets.shape[1]
        rolled = {name: one.roll(origins.windows, origins.valid_time, leads) for name, one in rollers.items()}
        return cls(origins, rolled)

    @classmethod
    def joined(cls, parts: Sequence["Evaluation"]) -> "Evaluation":
        """Those of several series as one, with the models that all of them have."""
        if len(parts) == 1:
            return parts[0]
        names = [name for name in parts[0].predicted if all(name in part.predicted for part in parts)]
        predicted = {name: np.concatenate([part.predicted[name] for part in parts]) for name in names}
        return cls(joined([part.origins for part in parts]), predicted)

    def accuracy(self, model: str) -> Accuracy:
        """Errors of one model's forecasts, by lead."""
        return Accuracy.of(self.origins.targets, self.predicted[model])

    def residuals(self, model: str) -> Floats:
        """Observation minus forecast, °C ``(origins, leads)``, NaN where nothing was observed."""
        return self.origins.targets - self.predicted[model]

    @property
    def groups(self) -> Groups:
        """Which of the distinct times each origin stands at, counted from 0 on: one each, where there is one series."""
        groups: Groups = np.unique(self.origins.valid_time, return_inverse=True)[1]
        return groups

    def together(self, model: str) -> Floats:
        """Errors of all series at a time as one, °C ``(times, leads)``: the root of the sum of their squares."""
        squares, groups = self.residuals(model) ** 2, self.groups
        known = np.isfinite(squares)
        total, count = np.zeros((2, int(groups.max()) + 1, squares.shape[1]))
        np.add.at(total, groups, np.where(known, squares, 0.0))
        np.add.at(count, groups, known)
        errors: Floats = np.sqrt(np.where(count > 0, total, np.nan))
        return errors

    def p_values(self, model: str, references: list[str]) -> tuple[float | None, ...]:
        """Diebold and Mariano's test against the reference with the lowest RMSE, lead by lead."""
        rmse = {name: self.accuracy(name).rmse for name in references}
        own, others = self.together(model), {name: self.together(name) for name in references}
        values = []
        for lead in range(own.shape[1]):
            best = min(references, key=lambda name: rmse[name][lead])
            values.append(rounded_or_none(diebold_mariano(own[:, lead], others[best][:, lead], lead + 1)))
        return tuple(values)

    def coverage(self, model: str, errors: ErrorDistribution) -> dict[int, tuple[float, ...]]:
        """Share of observations inside the intervals, by level, per lead."""
        scale = errors.scale(self.origins.windows)
        return errors.coverage(self.origins.targets, self.predicted[model], self.origins.times, scale)

    def one_step(self) -> pd.DataFrame:
        """Observed and predicted °C at lead 1, one column a model, by ISO time; of one series."""
        known = np.isfinite(self.origins.targets[:, 0])
        columns = {"observed": self.origins.targets[known, 0]}
        columns |= {name: predicted[known, 0] for name, predicted in self.predicted.items()}
        times = [iso(time) for time in self.origins.valid_time[known]]
        return pd.DataFrame(columns, index=pd.Index(times, name="time"))
