"""``python -m research.studies.dependence --step day``: which dependence between leads suits forecasts best?

Dependences are learned on some simulated seas and scored on others, on the normal scores of what followed in the
distributions that were forecast. They are compared by the energy score (Gneiting and Raftery 2007, J. Am. Stat. Assoc.
102, 359), the variogram score of order 0.5 (Scheuerer and Hamill 2015, Mon. Weather Rev. 143, 1321), and by the Brier
score and the frequency of three consecutive leads above a quantile of the forecast, within ten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.events.paths import Dependence, random_walk
from forecasting.models.checkpoint import CPU
from forecasting.models.universal.distribution import normal_scores
from forecasting.models.universal.network import load
from forecasting.releases.release import open_current
from forecasting.series.times import Floats
from research.pretraining.evaluate import PAST, STRIDE, past_errors
from research.pretraining.examples import Panel, simulated_panel
from research.spec import SPECS, Spec
from research.studies.options import study_parser

_SEEDS: Final = {"learn": 41_000_000, "score": 42_000_000}
_CHUNK: Final = 250
_PATHS: Final = 400
_QUANTILES: Final = (0.75, 0.9)
_DURATION, _WITHIN = 3, 10
_FREEDOM: Final = 6
_SHIFTS: Final = (1, 7, 29, 101)
"""Paths are compared with those that are so many places away, for the spread in the energy score."""

Ranks = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Seas:
    """Normal scores and errors of past forecasts, ``(seas, past, leads)``, and scores of the last ``(seas, leads)``."""

    past: Floats
    errors: Floats
    last: Floats


def main() -> None:
    """Print a row for each dependence."""
    parser = study_parser(__doc__)
    parser.add_argument("--step", choices=SPECS, default="day", help="default: %(default)s")
    parser.add_argument("--seas", type=int, default=600, metavar="N", help="of each half (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    spec = SPECS[options.step]
    module = load(open_current(options.artifacts, spec.release).read("gru.pt"), CPU).module
    learn, score = (_forecast(module, spec, seed, options.seas) for seed in _SEEDS.values())
    print(f"{len(score.last)} seas; scores relative to those of the Gaussian copula")
    print("| dependence | energy | variogram | Brier 75 % | Brier 90 % | said / happened 75 % | 90 % |")
    print("|---|---|---|---|---|---|---|")
    results = {name: _evaluate(ranks, score.last) for name, ranks in _candidates(learn, score).items()}
    reference = results["Gaussian"]
    for name, result in results.items():
        relative = " | ".join(f"{result[i] / reference[i]:.4f}" for i in range(4))
        print(f"| {name} | {relative} | {result[4]:.3f} / {result[6]:.3f} | {result[5]:.3f} / {result[7]:.3f} |")


def _forecast(module: torch.jit.ScriptModule, spec: Spec, seed: int, seas: int) -> _Seas:
    """Forecast simulated seas from many steps; keep those where the last forecast can be scored at every lead."""
    panels = [simulated_panel(spec, seed + i, min(_CHUNK, seas - i)) for i in range(0, seas, _CHUNK)]
    panel = Panel(*map(torch.cat, zip(*panels, strict=True)))
    scores, errors = past_errors(module, spec, panel)
    known = np.isfinite(scores)
    past = slice(0, -1 - spec.horizon // STRIDE - 1)
    usable = known[:, -1].all(axis=1) & (known[:, past].all(axis=2).sum(axis=1) > PAST // 3)
    return _Seas(scores[usable, past], errors[usable, past], scores[usable, -1])


def _candidates(learn: _Seas, score: _Seas) -> dict[str, Callable[[int], Ranks]]:
    """Return, for each dependence, the ranks of paths of a sea."""
    learned = Dependence.of_series(learn.past, learn.errors)
    whole = np.asarray(learned.correlation)
    leads = len(whole)
    variants = {variant.correlation: _gaussian(np.asarray(variant.correlation)) for variant in learned.variants}

    def always(ranks: Ranks) -> Callable[[int], Ranks]:
        return lambda sea: ranks

    def half_own(sea: int) -> Ranks:
        past = Dependence.of(score.past[sea], independent=1e9)
        return _gaussian((whole + np.asarray(past.correlation)) / 2)

    return {
        "Gaussian": always(_gaussian(whole)),
        "independent": always(_gaussian(np.eye(leads))),
        "random walk": always(_gaussian(random_walk(np.arange(1.0, leads + 1)))),
        "parametric": always(_gaussian(_parametric(whole))),
        "Student": always(_gaussian(whole, _FREEDOM)),
        "empirical": always(_ranks(learn.last[np.arange(_PATHS) % len(learn.last)])),
        "half from the own past": half_own,
        "variants": lambda sea: variants[learned.suited_to(score.errors[sea]).correlation],
    }


def _parametric(known: Floats) -> Floats:
    """Return the nearest correlation (a / b)^g r^(b − a) between leads a and b > a."""
    leads = np.arange(1.0, len(known) + 1)
    low, high = np.minimum(leads[:, None], leads), np.maximum(leads[:, None], leads)
    forms = [(low / high) ** g * r ** (high - low) for g in np.arange(0, 0.8, 0.05) for r in np.arange(0.3, 1.01, 0.02)]
    return min(forms, key=lambda form: float(((form - known) ** 2).sum()))


def _gaussian(correlation: Floats, freedom: int | None = None) -> Ranks:
    variances, vectors = np.linalg.eigh(correlation)
    random = np.random.default_rng(0)
    drawn = random.standard_normal((_PATHS, len(correlation))) @ (vectors * np.sqrt(np.maximum(variances, 0))).T
    if freedom:
        drawn /= np.sqrt(random.chisquare(freedom, _PATHS) / freedom)[:, None]
    return _ranks(drawn)


def _ranks(values: Floats) -> Ranks:
    ranks: Ranks = values.argsort(axis=0, kind="stable").argsort(axis=0)
    return ranks


def _evaluate(ranks: Callable[[int], Ranks], scores: Floats) -> Floats:
    """Return energy and variogram score, then for each quantile the Brier score, the forecast and the outcome."""
    middles = normal_scores(tuple(((np.arange(_PATHS) + 0.5) / _PATHS).tolist()))
    results = []
    for sea, score in enumerate(scores):
        paths = middles[ranks(sea)]
        thresholds = [NormalDist().inv_cdf(quantile) for quantile in _QUANTILES]
        probability = np.asarray([_happens(paths > threshold).mean() for threshold in thresholds])
        happened = np.asarray([float(_happens(score[None] > threshold)[0]) for threshold in thresholds])
        results.append(
            [_energy(paths, score), _variogram(paths, score), *((probability - happened) ** 2), *probability, *happened]
        )
    mean: Floats = np.asarray(results).mean(axis=0)
    return mean


def _happens(above: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    runs = np.lib.stride_tricks.sliding_window_view(above[:, :_WITHIN], _DURATION, axis=1)
    return np.asarray(np.any(np.all(runs, axis=2), axis=1))


def _energy(paths: Floats, score: Floats) -> float:
    spread = [np.linalg.norm(paths - np.roll(paths, shift, axis=0), axis=1).mean() for shift in _SHIFTS]
    return float(np.linalg.norm(paths - score, axis=1).mean() - np.mean(spread) / 2)


def _variogram(paths: Floats, score: Floats) -> float:
    """Return the score with weights that fall with the distance between leads."""
    first, second = np.triu_indices(len(score), 1)
    expected = np.sqrt(np.abs(paths[:, first] - paths[:, second])).mean(axis=0)
    return float((((np.sqrt(np.abs(score[first] - score[second])) - expected) ** 2) / (second - first)).sum())


if __name__ == "__main__":
    main()
