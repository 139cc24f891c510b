"""A universal release on disk: checkpoints, sidecars, report and model card."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import torch
from pydantic import BaseModel

from forecasting.networks.checkpoint import script
from forecasting.universal.network.checkpoint import save
from forecasting.universal.network.metadata import UniversalMetadata
from training.pretraining.evaluate import HeldOutScore, mean_by_context
from training.pretraining.export import UniversalModule
from training.pretraining.fit import FitSettings
from training.pretraining.network import LEVELS
from training.pretraining.spec import Spec
from training.provenance import library_versions

_TIMED: Final = 30


@dataclass(frozen=True)
class FittedNetwork:
    """One network, and how it did on held-out seas.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        module: to export.
        seconds: that fitting took.
        scores: on held-out seas.
        scores_alone: of the same cell fitted without the companion.
    """

    cell: str
    module: UniversalModule
    seconds: float
    scores: list[HeldOutScore]
    scores_alone: list[HeldOutScore]


class TrainedOn(NamedTuple):
    """What the networks were trained on.

    Attributes:
        seas: number of simulated seas.
        real_series: names of real series.
    """

    seas: int
    real_series: tuple[str, ...]


class ModelScores(BaseModel, frozen=True):
    """Scores of one network on held-out seas, with its companion and without."""

    model: str
    parameters: int
    train_seconds: float
    held_out: list[HeldOutScore]
    held_out_without_companion: list[HeldOutScore]


class UniversalReport(BaseModel, frozen=True):
    """``report.json`` of a universal release."""

    dataset: str
    version: str
    step: str
    seas: int
    real_series: tuple[str, ...] = ()
    models: list[ModelScores]


def write_universal_release(
    folder: Path,
    spec: Spec,
    trained_on: TrainedOn,
    settings: FitSettings,
    fitted: list[FittedNetwork],
    version: str,
    created: str,
) -> None:
    """Write every file of a release except its manifest into ``folder``."""
    configuration = {name: value for name, value in asdict(settings).items() if name != "companion"}
    configuration["seas"] = trained_on.seas
    models = []
    for network in fitted:
        module = script(network.module)
        parameters = sum(weights.numel() for weights in network.module.parameters())
        metadata = UniversalMetadata(
            dataset=spec.release,
            version=version,
            cell=network.cell,
            step=spec.step,
            step_seconds=int(spec.step_seconds),
            window=network.module.window,
            horizon=spec.horizon,
            minimum=spec.minimum,
            maximum=spec.maximum,
            levels=LEVELS,
            held_out=mean_by_context(network.scores),
            configuration=configuration,
            seed=settings.seed,
            parameters=parameters,
            train_seconds=round(network.seconds, 1),
            latency_ms=_latency(module, spec),
            libraries=library_versions(),
            created=created,
        )
        save(module, metadata, folder / f"{network.cell}.pt")
        (folder / f"{network.cell}.json").write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
        models.append(
            ModelScores(
                model=metadata.model,
                parameters=parameters,
                train_seconds=metadata.train_seconds,
                held_out=network.scores,
                held_out_without_companion=network.scores_alone,
            )
        )
    report = UniversalReport(
        dataset=spec.release,
        version=version,
        step=spec.step,
        seas=trained_on.seas,
        real_series=trained_on.real_series,
        models=models,
    )
    (folder / "report.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(write_card(report, spec), encoding="utf-8")


def write_card(report: UniversalReport, spec: Spec) -> str:
    """Write the model card of a universal release."""
    longest, shortest = max(spec.contexts), min(spec.contexts)
    lines = [
        f"# {report.dataset}",
        "",
        f"An RNN, an LSTM and a GRU that forecast any series of SST with a step of one {spec.step}, "
        f"{spec.horizon} steps ahead, "
        f"from {spec.minimum} to {spec.maximum} values, with or without a position. Version {report.version}.",
        "",
        f"They were trained on {report.seas} simulated seas and {_real(report)}. Their forecasts of other places are "
        "as good as the simulation is like these; the service compares them with simple references on the past of "
        "each series that it gets, and says which did better.",
        "",
        "## On simulated seas that were held out",
        "",
        "RMSE relative to persistence, each error in units of what is usual in its series. *Alone* is the same cell, "
        "fitted without the Bayesian regression that accompanies it.",
        "",
    ]
    for context in (shortest, longest):
        leads = " | ".join(f"lead {lead}" for lead in spec.scored_leads)
        lines += [
            f"From {context} values:",
            "",
            f"| Model | Position | {leads} |",
            "|---|---|" + "---|" * len(spec.scored_leads),
        ]
        for model in report.models:
            for scores, name in (
                (model.held_out, model.model),
                (model.held_out_without_companion, f"{model.model} alone"),
            ):
                for positioned in (True, False):
                    row = [s for s in scores if s.context == context and s.positioned == positioned]
                    figures = " | ".join(f"{score.relative_rmse:.3f}" for score in row)
                    lines.append(f"| {name} | {'known' if positioned else 'unknown'} | {figures} |")
        lines.append("")
    return "\n".join(lines)


def _real(report: UniversalReport) -> str:
    return f"on {', '.join(report.real_series)}" if report.real_series else "have seen no real series"


def _latency(module: torch.jit.ScriptModule, spec: Spec) -> float:
    """Median milliseconds of a single forecast from the shorter of a year and the longest context."""
    sst = 15 + torch.sin(torch.arange(min(365, spec.maximum), dtype=torch.float32)).unsqueeze(0)
    time_of_last, nowhere = torch.zeros(1, dtype=torch.float64), torch.full((1, 7), float("nan"))
    seconds = []
    with torch.inference_mode():
        for _ in range(_TIMED):
            begin = time.perf_counter()
            module.quantiles(sst, time_of_last, nowhere)
            seconds.append(time.perf_counter() - begin)
    return round(sorted(seconds)[_TIMED // 2] * 1000, 2)
