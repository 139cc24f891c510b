"""One pretraining run: from nothing to a published universal release."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecasting.errors import ReleaseError
from forecasting.events.joint.dependence import Dependence
from forecasting.networks.checkpoint import script
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CELLS
from forecasting.universal.network.checkpoint import save
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.universal.report import HeldOutEvent, HeldOutModel, HeldOutScore, UniversalReport
from training.config import Spec
from training.pretraining.companion import Companion, Moments
from training.pretraining.evaluate import held_out_dependence, mean_by_context, score_events, score_held_out
from training.pretraining.examples import (
    Examples,
    Panel,
    RealSeries,
    companion_moments,
    make_examples,
    real_panel,
    simulated_panel,
)
from training.pretraining.features import Features
from training.pretraining.network import (
    LEVELS,
    FitSettings,
    UniversalModule,
    UniversalNetwork,
    fit_companion,
    fit_network,
)
from training.publish.card import universal_card
from training.publish.export import library_versions
from training.publish.release import next_version, point_current, publish, staging
from training.publish.report import CARD, REPORT

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
    (folder / CARD).write_text(universal_card(report, spec), encoding="utf-8")


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


_CHUNK: Final = 250
_PRIOR_SEEDS: Final = 10_000_000
_HELD_OUT_SEEDS: Final = 30_000_000
_EVENT_SEEDS: Final = 40_000_000
"""Where the seeds of each purpose begin, so that no sea serves two purposes."""


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings of a run.

    Attributes:
        seas: number of simulated series that the networks are trained on; None for the spec's.
        prior_seas: number of those that the companion's prior is fitted to.
        held_out_seas: number of those that the networks are scored on; as many others score events.
        fit: settings of the networks.
        real_series: to train on too.
        device: that the networks are fitted on.
        workers: number of processes.
    """

    seas: int | None = None
    prior_seas: int = 3_000
    held_out_seas: int = 1_000
    fit: FitSettings = field(default_factory=FitSettings)
    real_series: Sequence[RealSeries] = ()
    device: torch.device = CPU
    workers: int = 1


def pretrain(
    spec: Spec, settings: PretrainingSettings, artifacts: Path, progress: Callable[[str], None] = lambda line: None
) -> Path:
    """Train the three universal networks of a time step, and publish them.

    Args:
        spec: of the time step.
        settings: of the run.
        artifacts: folder of all releases.
        progress: called with a line at each stage.

    Returns:
        The folder of the release.

    Raises:
        ReleaseError: if the release cannot be written.
    """
    torch.set_num_threads(1)
    folder = artifacts / spec.release
    try:
        with staging(folder):
            pass  # fail before the long part if the folder cannot be written
        fitted = fit_all(spec, settings, progress)
        with staging(folder) as stage:
            version = next_version(folder)
            created = datetime.strptime(version, "%Y%m%dT%H%M%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
            trained_on = TrainedOn(settings.seas or spec.seas, tuple(real.name for real in settings.real_series))
            write_universal_release(stage, spec, trained_on, settings.fit, fitted, version, created)
            path = publish(stage, folder, version)
        point_current(folder, version)
    except OSError as error:
        raise ReleaseError(f"cannot write the release to {folder}: {error.strerror or error}") from None
    return path


def fit_all(spec: Spec, settings: PretrainingSettings, progress: Callable[[str], None]) -> list[FittedNetwork]:
    """Simulate seas, then fit and score every cell, with its companion and without."""
    features, seas = Features(spec), settings.seas or spec.seas
    with (
        _parallel_map(settings.workers) as parallel_map,
        tempfile.TemporaryDirectory(prefix="sst-pretraining-") as folder,
    ):
        begin = time.perf_counter()
        prior_seas = _chunks(_PRIOR_SEEDS, settings.prior_seas)
        companion = _fit_companion(spec, parallel_map(partial(_moments, spec), prior_seas))
        progress(f"fitted the companion's prior: {time.perf_counter() - begin:.0f} s")
        store = _Store(spec, Path(folder))
        store.save_companion(companion)
        examples = list(parallel_map(partial(_cut_examples, store), _chunks(0, seas)))
        if settings.real_series:
            random = np.random.default_rng(settings.fit.seed)
            examples.append(make_examples(spec, features, companion, real_panel(spec, settings.real_series), random))
        Examples.join(examples).save(store.examples)
        for path, chunks in (
            (store.held_out, _chunks(_HELD_OUT_SEEDS, settings.held_out_seas)),
            (store.event_seas, _chunks(_EVENT_SEEDS, settings.held_out_seas)),
        ):
            panel = Panel.join(list(parallel_map(partial(_simulate, spec), chunks)))
            torch.save([getattr(panel, part.name) for part in fields(Panel)], path)
        progress(f"cut examples from {seas} seas: {time.perf_counter() - begin:.0f} s")
        jobs = [(cell, with_companion) for with_companion in (True, False) for cell in CELLS]
        fitted: dict[tuple[str, bool], _Fit] = {}
        for job, fit in zip(jobs, parallel_map(partial(_fit, store, settings.fit, settings.device), jobs), strict=True):
            fitted[job] = fit
            progress(f"fitted {job[0]}{'' if job[1] else ' without its companion'}: {fit.seconds:.0f} s")
    return [
        FittedNetwork(
            cell=cell,
            module=UniversalModule(spec, features, companion, fitted[cell, True].network),
            seconds=fitted[cell, True].seconds,
            scores=fitted[cell, True].scores,
            scores_alone=fitted[cell, False].scores,
            dependence=fitted[cell, True].dependence,
            events=fitted[cell, True].events,
        )
        for cell in CELLS
    ]


@contextmanager
def _parallel_map(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Yield a ``map`` that runs on ``workers`` processes, or in this one if there is one."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        yield pool.map


@dataclass(frozen=True)
class _Fit:
    network: UniversalNetwork
    seconds: float
    scores: list[HeldOutScore]
    dependence: Dependence | None = None
    events: Sequence[HeldOutEvent] = ()


@dataclass(frozen=True)
class _Store:
    """Files by which the processes of a run share the companion and the examples."""

    spec: Spec
    folder: Path

    @property
    def held_out(self) -> Path:
        return self.folder / "held_out"

    @property
    def event_seas(self) -> Path:
        return self.folder / "event_seas"

    @property
    def examples(self) -> Path:
        return self.folder / "examples"

    def save_companion(self, companion: Companion) -> None:
        torch.save(companion.state_dict(), self.folder / "companion")

    def load_companion(self) -> Companion:
        companion = Companion(self.spec, Features(self.spec).size)
        companion.load_state_dict(torch.load(self.folder / "companion", weights_only=True))
        return companion


def _chunks(first_seed: int, seas: int) -> list[tuple[int, int]]:
    """Seed and number of seas of each chunk."""
    sizes = [_CHUNK] * (seas // _CHUNK) + [seas % _CHUNK] * (seas % _CHUNK > 0)
    return [(first_seed + i, size) for i, size in enumerate(sizes)]


def _simulate(spec: Spec, chunk: tuple[int, int]) -> Panel:
    return simulated_panel(spec, *chunk)


def _moments(spec: Spec, chunk: tuple[int, int]) -> tuple[Moments, Tensor]:
    features = Features(spec)
    panel = simulated_panel(spec, *chunk)
    return companion_moments(features, Companion(spec, features.size), panel), panel.positioned


def _fit_companion(spec: Spec, chunks: Iterable[tuple[Moments, Tensor]]) -> Companion:
    companion = Companion(spec, Features(spec).size)
    moments, positioned = zip(*chunks, strict=True)
    joined = Moments(*(torch.cat(part) for part in zip(*moments, strict=True)))
    fit_companion(companion, spec, joined, torch.cat(positioned))
    return companion


def _cut_examples(store: _Store, chunk: tuple[int, int]) -> Examples:
    spec = store.spec
    panel = simulated_panel(spec, *chunk)
    return make_examples(spec, Features(spec), store.load_companion(), panel, np.random.default_rng(chunk[0]))


def _fit(store: _Store, settings: FitSettings, device: torch.device, job: tuple[str, bool]) -> _Fit:
    cell, with_companion = job
    spec = store.spec
    examples = Examples.load(store.examples)
    begin = time.perf_counter()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = fit_network(cell, spec, examples, replace(settings, companion=with_companion), device)
    seconds = time.perf_counter() - begin
    module = UniversalModule(spec, Features(spec), store.load_companion(), network).eval()
    panel = Panel(*torch.load(store.held_out, weights_only=True))
    scores = score_held_out(module, spec, panel)
    if not with_companion:
        return _Fit(network, seconds, scores)
    dependence = held_out_dependence(module, spec, panel)
    event_seas = Panel(*torch.load(store.event_seas, weights_only=True))
    return _Fit(network, seconds, scores, dependence, score_events(module, spec, event_seas, dependence))
