"""One training run, from a file to a published release."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from forecasting.errors import ReleaseError, RequestError
from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Report, SeedSpread, parse_report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import script
from forecasting.networks.roller import NetworkRoller
from forecasting.readers import content_digest
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.references.climatology import Climatology
from forecasting.releases.release import current_version, is_dataset_name, open_current
from forecasting.scores.accuracy import Accuracy, rounded_one
from forecasting.series.times import iso, short
from training.config import TrainingConfig, libraries
from training.examples.dataset import Dataset
from training.fit.calibration import earlier_residuals
from training.fit.companion import Companion, Companions, beside
from training.fit.fitting import CPU, Fit
from training.fit.kept_fits import KeptFits
from training.fit.parallel import Progress, fit_all
from training.publish.assess import assess, drift
from training.publish.card import model_card
from training.publish.export import Identity, export
from training.publish.plot import save_comparison
from training.publish.release import next_version, point_current, prune, publish, staging
from training.publish.report_markdown import readable_report

RECENT_WINDOWS: Final = 4
"""Windows of the series' end that a release carries: what a forecast starts from, and some to look at."""


@dataclass(frozen=True)
class Destination:
    """Where a release goes, and what becomes of those before it.

    Attributes:
        name: of the dataset.
        artifacts: the folder of all releases.
        keep: old releases to keep besides the one that serves; all where None.
        if_not_worse: leave ``current`` alone where the best cell's validation RMSE is worse than that of the release
            that serves.

    Raises:
        RequestError: if ``name`` cannot name a dataset.
    """

    name: str
    artifacts: Path
    keep: int | None = None
    if_not_worse: bool = False

    def __post_init__(self) -> None:
        if not is_dataset_name(self.name):
            raise RequestError(
                f"{self.name!r} cannot name a dataset: use up to 64 lower case letters, digits, dots, dashes and "
                "underscores",
                field="name",
            )

    @property
    def folder(self) -> Path:
        """Of the dataset's releases."""
        return self.artifacts / self.name

    def rmse_to_beat(self) -> float | None:
        """Validation RMSE of the best network of the release that serves, °C; None where that does not matter."""
        if not self.if_not_worse or current_version(self.folder) is None:
            return None
        return parse_report(open_current(self.artifacts, self.name).read("report.json")).best.validation_rmse


@dataclass(frozen=True)
class Published:
    """What came of a run.

    Attributes:
        path: of the release.
        report: its report.
        serves: whether ``current`` names it.
        removed: old releases that were removed.
    """

    path: Path
    report: Report
    serves: bool
    removed: tuple[str, ...]


def train(
    dataset: Dataset,
    data_file: Path,
    destination: Destination,
    config: TrainingConfig,
    *,
    resume: bool = False,
    workers: int = 1,
    device: torch.device = CPU,
    progress: Progress | None = None,
) -> Published:
    """Train every cell on ``dataset``, evaluate them, and publish a release.

    A release appears under its name when it is complete; nothing half written stays.

    Args:
        dataset: to learn from.
        data_file: it was read from; named, and its digest kept, in the release.
        destination: of the release.
        config: settings of the run.
        resume: take up the fits of the same run where it was interrupted; without it they are made anew.
        workers: processes to fit in.
        device: that cells learn on.
        progress: told of every epoch.

    Raises:
        ReleaseError: if the release cannot be written.
    """
    folder = destination.folder
    try:
        # Before the long part: whether this can be written, and what it has to be measured against.
        with staging(folder):
            to_beat = destination.rmse_to_beat()
        kept = KeptFits.of(dataset, config, folder, device)
        if not resume:
            kept.remove()
        fits = fit_all(dataset, config, workers, progress, kept, device)
        with staging(folder) as stage:
            identity = _identity(folder, data_file)
            report = _fill(stage, dataset, config, fits, identity)
            path = publish(stage, folder, identity.version)
        serves = to_beat is None or report.best.validation_rmse <= to_beat
        if serves:
            point_current(folder, identity.version)
        kept.remove()
        keep = destination.keep
        removed = [] if keep is None else prune(folder, keep, identity.version)
    except OSError as error:
        raise ReleaseError(f"the release cannot be written to {folder}: {error.strerror or error}") from None
    return Published(path, report, serves, tuple(removed))


def _identity(folder: Path, data_file: Path) -> Identity:
    version = next_version(folder)
    created = datetime.strptime(version, "%Y%m%dT%H%M%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
    return Identity(folder.name, version, created, data_file.name, content_digest(data_file))


def _fill(
    stage: Path,
    dataset: Dataset,
    config: TrainingConfig,
    fits: dict[tuple[str, int], Fit],
    identity: Identity,
) -> Report:
    """Put every file of the release into ``stage``."""
    earlier = earlier_residuals(dataset, config)
    companions = Companions.of(dataset, config)
    exported = {
        cell: export(fits[cell, config.seed], dataset, config, identity, stage, earlier, companions)
        for cell in config.cells
    }
    first = next(iter(dataset.stations.values()))
    baselines = Baselines.fit(first.past("validation"), config.shape)
    assessed = assess(dataset, config, exported)
    last_end = dataset.last_usable_end()
    references: dict[str, dict[Split, Accuracy]] = {
        name: assessed.accuracy[name] for name in BASELINES if name in assessed.accuracy
    }
    completed = {cell: one.complete(assessed.accuracy[cell], references) for cell, one in exported.items()}
    report = Report(
        dataset=identity.dataset,
        version=identity.version,
        created=identity.created,
        step=str(dataset.series.step),
        units="celsius",
        window=config.window,
        horizon=config.horizon,
        data_file=identity.data_file,
        data_sha256=identity.data_sha256,
        notes=(*dataset.notes, *_stale(dataset, last_end)),
        periods=dataset.periods(),
        climatology=_describe(baselines.climatology),
        configuration=config.flat(),
        libraries=libraries(),
        models=assessed.models(dataset, completed, fits),
        seeds=_seed_spread(dataset, config, fits, companions.final) if config.seeds > 1 else {},
        drift=drift(assessed, next(iter(completed.values())).training_range),
        stations=assessed.station_reports(dataset, completed),
        left_out=assessed.left_out_accuracy(),
    )
    _write(stage, report, baselines, next(iter(assessed.stations.values())).one_step())
    _write_recent(dataset, last_end, stage / "recent.csv")
    return report


def _write(stage: Path, report: Report, baselines: Baselines, predictions: pd.DataFrame) -> None:
    texts = {
        "report.json": report.model_dump_json(indent=1, exclude_none=True) + "\n",
        "report.md": readable_report(report),
        "MODEL_CARD.md": model_card(report),
        "baselines.json": baselines.model_dump_json() + "\n",
    }
    for name, text in texts.items():
        (stage / name).write_text(text, encoding="utf-8")
    predictions.round(4).to_csv(stage / "predictions.csv")
    save_comparison(predictions, report, stage)


def _seed_spread(
    dataset: Dataset, config: TrainingConfig, fits: dict[tuple[str, int], Fit], companion: Companion | None
) -> dict[str, SeedSpread]:
    spread = {}
    one_step = dataset.origins("test", horizon=1)
    for cell in config.cells:
        seeds = tuple(seed for fitted, seed in fits if fitted == cell)
        networks = {str(seed): beside(fits[cell, seed].final, companion) for seed in seeds}
        rollers = {seed: NetworkRoller(script(one), dataset.series.step, CPU) for seed, one in networks.items()}
        evaluation = Evaluation.run(one_step, rollers)
        rmse = tuple(evaluation.accuracy(str(seed)).rmse[0] for seed in seeds)
        spread[cell] = SeedSpread(
            seeds=seeds,
            rmse=rmse,
            mean=rounded_one(np.mean(rmse)),
            std=rounded_one(np.std(rmse, ddof=1)),
        )
    return spread


def _describe(climatology: Climatology) -> str:
    said = f"mean and {climatology.annual_harmonics} harmonics of the year"
    return said + (f", {climatology.daily_harmonics} of the day" if climatology.daily_harmonics else "")


def _stale(dataset: Dataset, end: int) -> tuple[str, ...]:
    """A note, where a long gap near the end keeps forecasts from starting at the last observation."""
    if end == len(dataset.series):
        return ()
    last = short(dataset.series.times[end - 1])
    return (f"forecasts of the dataset itself start after {last}: later windows have gaps too long to fill",)


def _write_recent(dataset: Dataset, end: int, path: Path) -> None:
    recent = dataset.series.part(max(end - RECENT_WINDOWS * dataset.shape.window, 0), end)
    times = [iso(time) for time in recent.times]
    pd.DataFrame({"time": times, "sst": recent.values}).to_csv(path, index=False)
