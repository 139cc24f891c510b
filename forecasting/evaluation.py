"""Rolling-origin evaluation: what each model says of every step of a part, and how good that is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecasting.accuracy import Accuracy, coverage, diebold_mariano
from forecasting.intervals import ErrorDistribution
from forecasting.rolling import Origins, Roller
from forecasting.timestep import Floats, iso


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

    def accuracy(self, model: str) -> Accuracy:
        """Of one model, per lead."""
        return Accuracy.of(self.origins.targets, self.predicted[model])

    def residuals(self, model: str) -> Floats:
        """Observation minus forecast, °C ``(origins, leads)``, NaN where nothing was observed."""
        return self.origins.targets - self.predicted[model]

    def p_values(self, model: str, references: list[str]) -> tuple[float | None, ...]:
        """Diebold and Mariano's test against the reference with the lowest RMSE, lead by lead."""
        rmse = {name: self.accuracy(name).rmse for name in references}
        own = self.residuals(model)
        values = []
        for lead in range(own.shape[1]):
            best = min(references, key=lambda name: rmse[name][lead])
            values.append(diebold_mariano(own[:, lead], self.residuals(best)[:, lead], lead + 1))
        return tuple(None if value is None else round(value, 6) for value in values)

    def coverage(self, model: str, errors: ErrorDistribution) -> dict[int, tuple[float, ...]]:
        """Share of observations inside the intervals, by level, per lead."""
        predicted, observed = self.predicted[model], self.origins.targets
        times, scale = self.origins.times, errors.scale(self.origins.windows)
        widths = {level: errors.half_widths(level, times, scale) for level in errors.half_width}
        return {level: coverage(observed, predicted - w, predicted + w) for level, w in widths.items()}

    def one_step(self) -> pd.DataFrame:
        """Observed and predicted °C at lead 1, one column a model, by ISO time."""
        known = np.isfinite(self.origins.targets[:, 0])
        columns = {"observed": self.origins.targets[known, 0]}
        columns |= {name: predicted[known, 0] for name, predicted in self.predicted.items()}
        times = [iso(time) for time in self.origins.valid_time[known]]
        return pd.DataFrame(columns, index=pd.Index(times, name="time"))
