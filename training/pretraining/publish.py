"""A universal release on disk: checkpoints, sidecars, report and model card."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import torch

from forecasting.events.joint.dependence import Dependence
from forecasting.networks.checkpoint import script
from forecasting.universal.network.checkpoint import save
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.universal.report import HeldOutEvent, HeldOutModel, HeldOutScore, UniversalReport
from training.pretraining.card import CARD, REPORT, write_card
from training.pretraining.evaluation.evaluate import mean_by_context
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
        dependence: between its errors at different leads on held-out seas; None if it was not learned.
        events: scores of probabilities of events on other held-out seas.
    """

    cell: str
    module: UniversalModule
    seconds: float
    scores: list[HeldOutScore]
    scores_alone: list[HeldOutScore]
    dependence: Dependence | None
    events: Sequence[HeldOutEvent]


class TrainedOn(NamedTuple):
    """The training data of the networks.

    Attributes:
        seas: number of simulated seas.
        real_series: names of real series.
    """

    seas: int
    real_series: tuple[str, ...]


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
            dependence=network.dependence,
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
            HeldOutModel(
                model=metadata.model,
                parameters=parameters,
                train_seconds=metadata.train_seconds,
                held_out=network.scores,
                held_out_without_companion=network.scores_alone,
                events=tuple(network.events),
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
    (folder / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(write_card(report, spec), encoding="utf-8")


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
