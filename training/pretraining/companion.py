"""The companion: a Bayesian linear regression that a series updates with its own past."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config import Spec


class Moments(NamedTuple):
    """Sums over the past of a series, for each origin and knot.

    Attributes:
        gram: Gram of the products of predictors, ``(…, size, size)``.
        product: Product of predictors times target, ``(…, size)``.
        power: Power of the squared target, ``(…)``.
    """

    gram: Tensor
    product: Tensor
    power: Tensor
    rows: Tensor


class Companion(nn.Module):
    """A linear regression of the increments at some leads, with a prior learned from simulated seas.

    The posterior after each step of a series is that of Bayesian linear regression with known noise (Gelman et al.,
    Bayesian Data Analysis, 3rd edition, section 14.8). There are two priors: for series without and with a climatology.
    """

    def __init__(self, spec: Spec, size: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.precision: Tensor
        self.noise: Tensor
        self.knots = list(spec.knots)
        self.skipped = 3  # first values, whose volatility is not known yet
        leads = len(self.knots)
        self.register_buffer("mean", torch.zeros(2, leads, size, dtype=torch.float64))
        self.register_buffer("precision", torch.eye(size, dtype=torch.float64).repeat(2, leads, 1, 1) * 10.0)
        self.register_buffer("noise", torch.tensor(self.knots, dtype=torch.float64).repeat(2, 1))

    def moments(self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, origins: Tensor) -> Moments:
        """Sum products of predictors and targets up to each origin, for each knot.

        Args:
            features: float64 ``(batch, steps, size)``.
            x: the series, °C, ``(batch, steps)``.
            scale: its volatility, °C, ``(batch, steps)``.
            observed: 1 where observed, ``(batch, steps)``.
            origins: steps to forecast from, increasing.

        Returns:
            Moments ``(batch, origins, knots, …)``.
        """
        batch, steps, size = features.shape
        origin_count, knots = len(origins), len(self.knots)
        started = (torch.cumsum(observed, 1) > self.skipped).to(features.dtype) * observed
        targets, weights = [], []
        for lead in self.knots:
            reach = max(steps - lead, 0)
            bound = 5.0 * lead**0.5
            target = torch.clamp((x[:, steps - reach :] - x[:, :reach]) / scale[:, :reach], -bound, bound)
            targets.append(nn.functional.pad(target, (0, steps - reach)))
            weights.append(nn.functional.pad(started[:, :reach] * observed[:, steps - reach :], (0, steps - reach)))
        target, weight = torch.stack(targets, 2), torch.stack(weights, 2)
        leads = torch.tensor(self.knots, device=features.device)
        ends = torch.clamp(origins.unsqueeze(1) - leads + 1, min=0).flatten()
        if bool(observed.all()):
            # The knots share their rows, so that one sum serves them all.
            gram = running_products(features, started, ends).view(batch, origin_count, knots, size, size)
        else:
            by_knot = ends.view(origin_count, knots)
            gram = torch.stack([running_products(features, weight[:, :, i], by_knot[:, i]) for i in range(knots)], 2)
        weighted = target * weight
        if int(origins[0]) == steps - 1:
            product = torch.bmm(weighted.transpose(1, 2), features).unsqueeze(1)
        else:
            product = self._running_targets(features, weighted, ends).view(batch, origin_count, knots, size)
        sums = nn.functional.pad(torch.cumsum(torch.cat([weighted * target, weight], 2), 1), (0, 0, 1, 0))
        at = torch.cat([ends.view(origin_count, knots)] * 2, 1)
        totals = torch.gather(sums, 1, at.expand(batch, origin_count, 2 * knots))
        return Moments(gram, product, totals[:, :, :knots], totals[:, :, knots:])

    def _running_targets(self, features: Tensor, weighted: Tensor, ends: Tensor) -> Tensor:
        """Sum predictors times targets over the steps before ``ends``, ``(batch, origins * knots, size)``."""
        knots = len(self.knots)
        start, stop = int(ends.min()), int(ends.max())
        base = torch.bmm(weighted[:, :start].transpose(1, 2), features[:, :start]).unsqueeze(1)
        later = weighted[:, start:stop].unsqueeze(3) * features[:, start:stop].unsqueeze(2)
        sums = nn.functional.pad(torch.cumsum(later, 1), (0, 0, 0, 0, 1, 0)) + base
        knot = torch.arange(len(ends), device=ends.device) % knots
        return sums[:, ends - start, knot]

    def forward(
        self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, positioned: Tensor, origins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Forecast the increments at the knots from each origin.

        Increments that overlap share most of what they say. At a lead of ``n`` steps, ``n`` of them weigh as much as
        one, so that the regression does not take a few events of the past for a rule. ``positioned`` is 1 where there
        is a climatology, ``(batch,)``; the other arguments are those of :meth:`moments`.

        Returns:
            Mean, spread and logarithm of the residual variance in the context relative to the prior's, in units of
            ``scale``, each ``(batch, origins, knots)``.
        """
        prior = (positioned > 0.5).to(torch.int64)
        moments = self.moments(features, x, scale, observed, origins)
        leads = torch.tensor(self.knots, device=features.device)
        noise = self.noise[prior].unsqueeze(1)
        row_noise = noise * leads
        precision = self.precision[prior].unsqueeze(1)
        shift = (self.precision @ self.mean.unsqueeze(3)).squeeze(3)[prior].unsqueeze(1)
        scaled = moments.product / row_noise.unsqueeze(3)
        predictors = features[:, origins].unsqueeze(2).expand_as(scaled)
        factor, _ = torch.linalg.cholesky_ex(precision + moments.gram / row_noise.unsqueeze(3).unsqueeze(4))
        solved = torch.cholesky_solve(torch.stack([shift + scaled, predictors], 4), factor)
        weights, moved = solved[:, :, :, :, 0], solved[:, :, :, :, 1]
        mean = (predictors * weights).sum(3)
        spread = torch.sqrt(noise + (predictors * moved).sum(3))
        # The posterior's precision times its mean is `shift + scaled`, which leaves this of the sum of squares.
        pulled = shift - (precision @ weights.unsqueeze(4)).squeeze(4)
        squares = moments.power / row_noise + (weights * (pulled - scaled)).sum(3)
        ratio = (squares + 5.0) / (moments.rows / leads + 5.0)
        return mean, spread, torch.log(torch.clamp(ratio, min=1e-3))


def running_products(features: Tensor, weight: Tensor, ends: Tensor, few: int = 16) -> Tensor:
    """Return the sums of the weighted products of predictors over the steps before each of ``ends``, in any order.

    From ``features`` ``(batch, steps, size)`` and ``weight`` ``(batch, steps)`` to ``(batch, n, size, size)``. Up to a
    ``few`` ends are summed one by one, which needs less memory.
    """
    batch, _, size = features.shape
    weighted = features * weight.unsqueeze(2)
    ordered, order = torch.sort(ends)
    if len(ends) <= few:
        total = torch.zeros(batch, size, size, dtype=features.dtype, device=features.device)
        parts, begin = [], 0
        for i in range(len(ends)):
            end = int(ordered[i])
            total = torch.baddbmm(total, weighted[:, begin:end].transpose(1, 2), features[:, begin:end])
            parts.append(total)
            begin = end
        return torch.stack(parts, 1)[:, torch.argsort(order)]
    start, stop = int(ordered[0]), int(ordered[-1])
    base = torch.bmm(weighted[:, :start].transpose(1, 2), features[:, :start]).unsqueeze(1)
    later = weighted[:, start:stop].unsqueeze(3) * features[:, start:stop].unsqueeze(2)
    sums = nn.functional.pad(torch.cumsum(later, 1), (0, 0, 0, 0, 1, 0)) + base
    return sums[:, ends - start]


@torch.no_grad()
def fit_prior(moments: Moments, noise: float, rounds: int = 25) -> tuple[Tensor, Tensor, float]:
    """Fit a prior to the moments of many series, ``(series, …)``, by expectation maximisation (empirical Bayes).

    It begins with ``noise`` as the variance.

    Returns:
        Mean ``(size,)``, precision ``(size, size)`` and variance of the noise.
    """
    gram, product, power, count = moments.gram, moments.product.unsqueeze(2), moments.power, moments.rows
    size = gram.shape[1]
    mean = torch.zeros(size, 1, dtype=gram.dtype)
    eye = torch.eye(size, dtype=gram.dtype)
    covariance = eye * 0.1
    for _ in range(rounds):
        precision = torch.linalg.inv(covariance)
        posterior = torch.linalg.inv(precision + gram / noise)
        weights = posterior @ (precision @ mean + product / noise)
        mean = weights.mean(0)
        away = weights - mean
        covariance = (away @ away.transpose(1, 2) + posterior).mean(0) + 1e-6 * eye
        squares = power - 2 * (weights * product).sum((1, 2)) + (weights.transpose(1, 2) @ gram @ weights)[:, 0, 0]
        squares = squares + (posterior * gram).sum((1, 2))
        noise = float(squares.sum() / count.sum())
    return mean[:, 0], torch.linalg.inv(covariance), noise
