"""Writing all files of a release from fitted networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Report
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.references.climatology import Climatology
from forecasting.releases.release import EVALUATED, EVALUATED_SERIES
from forecasting.scores.accuracy import Accuracy
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.cell_networks import Ingredients
from training.fit.fitting import Fit
from training.fit.universal_start import UniversalStart
from training.provenance import library_versions
from training.publish.assess import Assessment, assess, drift, seed_spread
from training.publish.export import Exported, Identity, export
from training.publish.plot import save_comparison
from training.publish.text.texts import write_report

RECENT_WINDOWS: Final = 4
"""Windows at the end of the series that a release carries, for forecasts of the dataset itself to start from."""


def write_contents(
    folder: Path,
    dataset: Dataset,
    config: TrainingConfig,
    fits: Mapping[tuple[str, int], Fit],
    identity: Identity,
    start: UniversalStart | None = None,
) -> Report:
    """Write every file of a release but its manifest into ``folder``.

    Args:
        folder: to write into; empty.
        dataset: that the networks were fitted to.
        config: settings of the run.
        fits: by cell and seed; those with the seed of ``config`` are exported. Empty if the series is too short.
        identity: of the release.
        start: universal networks to start from, if there are any.
    """
    ingredients = Ingredients.of(dataset, config, start, alone=not fits)
    networks = {cell: ingredients.networks(cell, fits.get((cell, config.seed))) for cell in config.cells}
    exported = {cell: export(made, dataset, config, identity, folder) for cell, made in networks.items()}
    assessment = assess(dataset, config.shape, exported)
    metadata = complete(exported, assessment)
    report = base_report(dataset, config.shape, identity, assessment, metadata).model_copy(
        update={
            "fitted_until": dataset.periods()["test"].end,
            "configuration": config.flat(),
            "models": assessment.models(dataset, metadata, networks),
            "seeds": seed_spread(ingredients, networks, fits) if fits and config.seeds > 1 else {},
            "starts": {cell: made.start for cell, made in networks.items() if made.start is not None},
            "stations": assessment.station_reports(dataset, metadata),
            "left_out": assessment.left_out_accuracy(),
        }
    )
    write_beside_checkpoints(folder, dataset, config.shape, assessment, report)
    return report


def base_report(
    dataset: Dataset,
    shape: ForecastShape,
    identity: Identity,
    assessment: Assessment,
    metadata: Mapping[str, CheckpointMetadata],
) -> Report:
    """Return the report of any release on its data and references, still without its models.

    Args:
        dataset: that the networks were evaluated on.
        shape: of the forecasts.
        identity: of the release.
        assessment: of the networks and references.
        metadata: of the evaluated networks, by cell.
    """
    references = Baselines.fit(_first_station(dataset).past("validation"), shape)
    return Report(
        dataset=identity.dataset,
        title=identity.title,
        version=identity.version,
        created=identity.created,
        step=str(dataset.series.step),
        units="celsius",
        window=shape.window,
        horizon=shape.horizon,
        data_file=identity.data_file,
        data_sha256=identity.data_sha256,
        notes=(*dataset.notes, *_late_gap_notes(dataset, dataset.last_usable_end())),
        periods=dataset.periods(),
        climatology=_describe_climatology(references.climatology),
        configuration=shape._asdict(),
        libraries=library_versions(),
        models=(),
        seeds={},
        drift=drift(assessment, next(iter(metadata.values())).training_range),
    )


def write_beside_checkpoints(
    folder: Path, dataset: Dataset, shape: ForecastShape, assessment: Assessment, report: Report
) -> None:
    """Write the report, the references, the predictions of the test part with their plot, and the series to start from.

    Args:
        folder: of the release; holds the checkpoints.
        dataset: that the networks were evaluated on.
        shape: of the forecasts.
        assessment: of the networks and references.
        report: complete.
    """
    first_station, recent_end = _first_station(dataset), dataset.last_usable_end()
    write_report(folder, report)
    _write_baselines(Baselines.fit(first_station.past("validation"), shape), folder / EVALUATED)
    _write_baselines(Baselines.fit(first_station.past("test"), shape), folder)
    predictions = next(iter(assessment.stations.values())).one_step()
    predictions.round(4).to_csv(folder / "predictions.csv")
    save_comparison(predictions, report, folder)
    _write_series(dataset.series, recent_end - RECENT_WINDOWS * shape.window, recent_end, folder / "recent.csv")
    begin, end = first_station.bounds["test"]
    _write_series(first_station.series, begin - shape.window, end, folder / EVALUATED_SERIES)


def _first_station(dataset: Dataset) -> Dataset:
    return next(iter(dataset.stations.values()))


def complete(exported: Mapping[str, Exported], assessment: Assessment) -> dict[str, CheckpointMetadata]:
    """Write the accuracy of each checkpoint into it; returns the complete metadata by cell."""
    references: dict[str, dict[Split, Accuracy]] = {
        name: assessment.accuracy[name] for name in BASELINES if name in assessment.accuracy
    }
    return {cell: checkpoint.complete(assessment.accuracy[cell], references) for cell, checkpoint in exported.items()}


def _write_baselines(baselines: Baselines, folder: Path) -> None:
    (folder / "baselines.json").write_text(baselines.model_dump_json() + "\n", encoding="utf-8")


def _describe_climatology(climatology: Climatology) -> str:
    annual = f"mean and {climatology.annual_harmonics} harmonics of the year"
    return annual + (f", {climatology.daily_harmonics} of the day" if climatology.daily_harmonics else "")


def _late_gap_notes(dataset: Dataset, end: int) -> tuple[str, ...]:
    """A note if a long gap near the end keeps forecasts from starting at the last observation."""
    if end == len(dataset.series):
        return ()
    last = short(dataset.series.times[end - 1])
    return (f"forecasts of the dataset itself start after {last}: later windows have gaps too long to fill",)


def _write_series(series: SstSeries, begin: int, end: int, path: Path) -> None:
    """Write the values from ``begin``, or the first, until before ``end``."""
    part = series.part(max(begin, 0), end)
    times = [iso(time) for time in part.times]
    pd.DataFrame({"time": times, "sst": part.values}).to_csv(path, index=False)
