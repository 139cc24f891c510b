"""One pretraining run: from nothing to a published universal release."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from forecasting.events.paths import Dependence
from forecasting.models.checkpoint import CPU, script
from forecasting.models.metadata import CELLS
from forecasting.models.universal.metadata import UniversalMetadata, WeatherPrior
from forecasting.models.universal.network import load, save
from forecasting.models.universal.report import HeldOutEvent, HeldOutModel, HeldOutRow, UniversalReport
from forecasting.releases.release import point_current
from forecasting.series.weather import COVARIATES
from research.pretraining.card import universal_card
from research.pretraining.companion import Companion, Moments
from research.pretraining.evaluate import mean_by_context, past_errors, score_events, score_held_out
from research.pretraining.examples import (
    Panel,
    Stretches,
    companion_moments,
    joined,
    make_examples,
    simulated_panel,
)
from research.pretraining.features import Features
from research.pretraining.held_out_regions import score_regions
from research.pretraining.network import LEVELS, FitSettings, UniversalModule, fit_companion, fit_network
from research.pretraining.real_series import RealSeries, real_panel, summary
from research.pretraining.weather import fit_weather, real_weather, simulated_weather, weather_moments
from research.pretraining.weather_scores import score_weather
from research.spec import Spec
from training.publish.export import library_versions, median_milliseconds
from training.publish.release import made_at, publish_next, staging, writing_to
from training.publish.report import CARD, REPORT

_TIMED: Final = 30
_CHUNK: Final = 250
_PRIOR_SEEDS: Final = 10_000_000
_HELD_OUT_SEEDS: Final = 30_000_000
_EVENT_SEEDS: Final = 40_000_000
_WEATHER_SEEDS: Final = 50_000_000
"""Where the seeds of each purpose begin, so that no sea serves two purposes."""

_COMPANION: Final = "companion"
_EXAMPLES: Final = "examples"
_HELD_OUT: Final = "held_out"
_EVENT_SEAS: Final = "event_seas"
"""Files by which the processes of a run share data."""


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings of a run."""

    seas: int | None = None
    prior_seas: int = 3_000
    held_out_seas: int = 1_000
    fit: FitSettings = field(default_factory=FitSettings)
    real_series: Sequence[RealSeries] = ()
    held_out_series: Sequence[RealSeries] = ()
    real_share: float = 0.3
    device: torch.device = CPU
    workers: int = 1


def pretrain(
    spec: Spec, settings: PretrainingSettings, artifacts: Path, progress: Callable[[str], None] = lambda line: None
) -> Path:
    """Train the three universal networks of a time step, and publish them; returns the folder of the release.

    ``progress`` is called with a line at each stage.
    """
    torch.set_num_threads(1)
    folder = artifacts / spec.release
    with staging(folder):
        pass  # fail before the long part if the folder cannot be written
    fitted = _fit_all(spec, settings, progress)
    weather = _fit_weather(spec, settings, fitted, progress) if spec.weather_contexts else None
    path, _ = publish_next(folder, partial(_write_release, spec, settings, fitted, weather))
    with writing_to(folder):
        point_current(folder, path.name)
    return path


@dataclass(frozen=True)
class _Fit:
    """A fitted network, and how it did on held-out seas; events and dependence only with its companion."""

    module: UniversalModule
    seconds: float
    scores: list[HeldOutRow]
    dependence: Dependence | None = None
    events: Sequence[HeldOutEvent] = ()


_Fits = dict[tuple[str, bool], _Fit]
"""Fits by cell, and whether with the companion."""


def _fit_all(spec: Spec, settings: PretrainingSettings, progress: Callable[[str], None]) -> _Fits:
    """Simulate seas, then fit and score every cell, with its companion and without."""
    seas = settings.seas or spec.seas
    with (
        _parallel_map(settings.workers) as parallel_map,
        tempfile.TemporaryDirectory(prefix="sst-pretraining-") as folder,
    ):
        begin = time.perf_counter()
        random = np.random.default_rng(settings.fit.seed)
        real = _real_panel(spec, settings, seas, random)
        moments = list(parallel_map(partial(_moments, spec), _chunks(_PRIOR_SEEDS, settings.prior_seas)))
        few = _real_count(settings, settings.prior_seas)
        moments += [_moments_of(spec, Panel(*(column[:few] for column in panel))) for panel in real]
        companion = fit_companion(spec, Features(spec).size, moments)
        progress(f"fitted the companion's prior: {time.perf_counter() - begin:.0f} s")
        shared = Path(folder)
        torch.save(companion.state_dict(), shared / _COMPANION)
        examples = list(parallel_map(partial(_cut_examples, spec, shared), _chunks(0, seas)))
        examples += [make_examples(spec, Features(spec), companion, panel, random) for panel in real]
        torch.save(list(joined(examples)), shared / _EXAMPLES)
        for name, seed in ((_HELD_OUT, _HELD_OUT_SEEDS), (_EVENT_SEAS, _EVENT_SEEDS)):
            panels = parallel_map(
                partial(simulated_panel, spec), *zip(*_chunks(seed, settings.held_out_seas), strict=True)
            )
            torch.save([torch.cat(column) for column in zip(*panels, strict=True)], shared / name)
        progress(f"cut examples from {seas} seas: {time.perf_counter() - begin:.0f} s")
        jobs = [(cell, with_companion) for with_companion in (True, False) for cell in CELLS]
        fitted: _Fits = {}
        fit_job = partial(_fit, spec, shared, settings.fit, settings.device)
        for job, fit in zip(jobs, parallel_map(fit_job, jobs), strict=True):
            fitted[job] = fit
            progress(f"fitted {job[0]}{'' if job[1] else ' without its companion'}: {fit.seconds:.0f} s")
    return fitted


def _fit_weather(
    spec: Spec, settings: PretrainingSettings, fitted: _Fits, progress: Callable[[str], None]
) -> WeatherPrior:
    """Fit how water answers to weather, to the errors of the networks at simulated and real seas with weather."""
    begin = time.perf_counter()
    modules, sizes = [fitted[cell, True].module for cell in CELLS], spec.weather_contexts
    chunks = _chunks(_WEATHER_SEEDS, settings.prior_seas)
    jobs = [(*chunk, sizes[i % len(sizes)]) for i, chunk in enumerate(chunks)]
    with _parallel_map(settings.workers) as parallel_map:
        moments = list(parallel_map(partial(_simulated_moments, spec, modules), jobs))
    real = [each for each in settings.real_series if each.series.weather]
    random = np.random.default_rng(settings.fit.seed)
    for size in sizes if real else ():
        at_most = _real_count(settings, settings.prior_seas) // len(sizes)
        moments.append(weather_moments(spec, modules, real_weather(spec, real, at_most, size, random)))
    progress(f"fitted the answer to weather: {time.perf_counter() - begin:.0f} s")
    return fit_weather(spec, moments)


def _simulated_moments(spec: Spec, modules: Sequence[UniversalModule], job: tuple[int, int, int]) -> Moments:
    return weather_moments(spec, modules, simulated_weather(spec, *job))


def _write_release(
    spec: Spec, settings: PretrainingSettings, fitted: _Fits, weather: WeatherPrior | None, folder: Path, version: str
) -> None:
    """Write every file of a release except its manifest into ``folder``."""
    seas = settings.seas or spec.seas
    configuration = {name: value for name, value in asdict(settings.fit).items() if name != "companion"}
    models = []
    for cell in CELLS:
        fit = fitted[cell, True]
        module = script(fit.module)
        metadata = UniversalMetadata(
            dataset=spec.release,
            version=version,
            cell=cell,
            step=spec.step,
            step_seconds=int(spec.step_seconds),
            window=fit.module.window,
            horizon=spec.horizon,
            minimum=spec.minimum,
            maximum=spec.maximum,
            levels=LEVELS,
            dependence=fit.dependence,
            held_out=mean_by_context(fit.scores),
            covariates=COVARIATES if weather else (),
            weather=weather,
            configuration=configuration | {"seas": seas},
            seed=settings.fit.seed,
            parameters=sum(weights.numel() for weights in fit.module.parameters()),
            train_seconds=round(fit.seconds, 1),
            latency_ms=_latency(module, spec),
            libraries=library_versions(),
            created=made_at(version),
        )
        save(module, metadata, folder / f"{cell}.pt")
        (folder / f"{cell}.json").write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
        models.append(
            HeldOutModel(
                model=metadata.model,
                parameters=metadata.parameters,
                train_seconds=metadata.train_seconds,
                held_out=fit.scores,
                held_out_without_companion=fitted[cell, False].scores,
                events=tuple(fit.events),
            )
        )
    held_out = settings.held_out_series
    networks = {cell: load((folder / f"{cell}.pt").read_bytes(), CPU) for cell in CELLS} if held_out else {}
    report = UniversalReport(
        dataset=spec.release,
        version=version,
        step=spec.step,
        seas=seas,
        real_series=summary(settings.real_series),
        models=models,
        regions=score_regions(networks, spec, held_out) if networks else (),
        weather=score_weather(networks, spec, held_out) if networks and weather else (),
    )
    (folder / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(universal_card(report, spec), encoding="utf-8")


def _latency(module: torch.jit.ScriptModule, spec: Spec) -> float:
    """Return the median milliseconds of a single forecast from the shorter of a year and the longest context."""
    sst = 15 + torch.sin(torch.arange(min(365, spec.maximum), dtype=torch.float32)).unsqueeze(0)
    time_of_last, nowhere = torch.zeros(1, dtype=torch.float64), torch.full((1, 7), float("nan"))
    with torch.inference_mode():
        return round(median_milliseconds(lambda: module.quantiles(sst, time_of_last, nowhere), _TIMED), 2)


@contextmanager
def _parallel_map(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Yield a ``map`` that runs on ``workers`` processes, or in this one if there is one."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        yield pool.map


def _chunks(first_seed: int, seas: int) -> list[tuple[int, int]]:
    """Return the seed and number of seas of each chunk."""
    sizes = [_CHUNK] * (seas // _CHUNK) + [seas % _CHUNK] * (seas % _CHUNK > 0)
    return [(first_seed + i, size) for i, size in enumerate(sizes)]


def _real_panel(spec: Spec, settings: PretrainingSettings, seas: int, random: np.random.Generator) -> list[Panel]:
    """Return the panel of real series, if there are any."""
    if not settings.real_series:
        return []
    return [real_panel(spec, settings.real_series, _real_count(settings, seas), random)]


def _real_count(settings: PretrainingSettings, seas: int) -> int:
    """Return the number of real series beside some simulated ones."""
    return round(seas * settings.real_share / (1 - settings.real_share))


def _moments(spec: Spec, chunk: tuple[int, int]) -> tuple[Moments, Tensor]:
    return _moments_of(spec, simulated_panel(spec, *chunk))


def _moments_of(spec: Spec, panel: Panel) -> tuple[Moments, Tensor]:
    features = Features(spec)
    return companion_moments(features, Companion(spec, features.size), panel), panel.positioned


def _cut_examples(spec: Spec, shared: Path, chunk: tuple[int, int]) -> Stretches:
    panel, companion = simulated_panel(spec, *chunk), _load_companion(spec, shared)
    return make_examples(spec, Features(spec), companion, panel, np.random.default_rng(chunk[0]))


def _load_companion(spec: Spec, shared: Path) -> Companion:
    companion = Companion(spec, Features(spec).size)
    companion.load_state_dict(torch.load(shared / _COMPANION, weights_only=True))
    return companion


def _fit(spec: Spec, shared: Path, settings: FitSettings, device: torch.device, job: tuple[str, bool]) -> _Fit:
    cell, with_companion = job
    # Mapped into memory, where all processes share them.
    examples = Stretches(*torch.load(shared / _EXAMPLES, mmap=True, weights_only=True))
    begin = time.perf_counter()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = fit_network(cell, spec, examples, replace(settings, companion=with_companion), device)
    seconds = time.perf_counter() - begin
    module = UniversalModule(spec, Features(spec), _load_companion(spec, shared), network).eval()
    scores = score_held_out(module, spec, panel := Panel(*torch.load(shared / _HELD_OUT, weights_only=True)))
    if not with_companion:
        return _Fit(module, seconds, scores)
    dependence = Dependence.of_series(*past_errors(module, spec, panel))
    events = score_events(module, spec, Panel(*torch.load(shared / _EVENT_SEAS, weights_only=True)), dependence)
    return _Fit(module, seconds, scores, dependence, events)
