"""The companion: a Bayesian linear regression that a series updates with its own past."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config import Spec


class Moments(NamedTuple):
    """Sums over the past of a series, for each knot.

    Attributes:
        gram: Gram of the products of predictors, ``(…, size, size)``.
        product: Product of predictors times target, ``(…, size)``.
        power: Power of the squared target, ``(…)``.
        rows: Number of rows, ``(…)``.
    """

    gram: Tensor
    product: Tensor
    power: Tensor
    rows: Tensor


class Companion(nn.Module):
    """A linear regression of the increments at some leads, with a prior learned from many series.

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
        self.block = 24  # steps; fewer are slower in batches, more for one series
        leads = len(self.knots)
        self.register_buffer("mean", torch.zeros(2, leads, size, dtype=torch.float64))
        self.register_buffer("precision", torch.eye(size, dtype=torch.float64).repeat(2, leads, 1, 1) * 10.0)
        self.register_buffer("noise", torch.tensor(self.knots, dtype=torch.float64).repeat(2, 1))

    def moments(self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, origin: int) -> Moments:
        """Sum products of predictors and targets up to one step, for each knot.

        Args:
            features: float64 ``(batch, steps, size)``.
            x: the series, °C, ``(batch, steps)``.
            scale: its volatility, °C, ``(batch, steps)``.
            observed: 1 where observed, ``(batch, steps)``.
            origin: step to forecast from.

        Returns:
            Moments ``(batch, knots, …)``.
        """
        target, weight = self.targets(x, scale, observed)
        return self.summed(features, target, weight, bool(observed.all()), origin)

    def targets(self, x: Tensor, scale: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scaled increment from each step to each knot, and 1 where it counts, ``(batch, steps, knots)``."""
        leads = torch.tensor(self.knots, device=x.device)
        later = torch.arange(x.shape[1], device=x.device).unsqueeze(1) + leads
        within, later = later < x.shape[1], torch.clamp(later, max=x.shape[1] - 1)
        started = (torch.cumsum(observed, 1) > self.skipped).to(x.dtype) * observed
        weight = started.unsqueeze(2) * observed[:, later] * within
        bound = 5.0 * torch.sqrt(leads.to(x.dtype))
        target = (x[:, later] - x.unsqueeze(2)) / scale.unsqueeze(2)
        return torch.minimum(torch.maximum(target, -bound), bound) * weight, weight

    def summed(self, features: Tensor, target: Tensor, weight: Tensor, complete: bool, origin: int) -> Moments:
        """Return the moments at ``origin`` from what :meth:`targets` returned; series may be ``complete``."""
        batch, size = features.shape[0], features.shape[2]
        ends = [max(origin - lead + 1, 0) for lead in self.knots]
        used = torch.arange(ends[0], device=features.device).unsqueeze(1) < torch.tensor(ends, device=features.device)
        features, target, weight = features[:, : ends[0]], target[:, : ends[0]] * used, weight[:, : ends[0]] * used
        gram, begin, grams = torch.zeros(batch, size, size, dtype=features.dtype, device=features.device), 0, []
        for i in range(len(ends) - 1, -1, -1):
            # Where nothing is missing, the knots share their rows: a shorter lead adds a few.
            part = features[:, begin : ends[i]]
            gram = torch.baddbmm(gram, (part * weight[:, begin : ends[i], i : i + 1]).transpose(1, 2), part)
            grams.append(gram)
            if complete:
                begin = ends[i]
            else:
                gram = torch.zeros_like(gram)
        grams.reverse()
        product = torch.bmm(target.transpose(1, 2), features)
        return Moments(torch.stack(grams, 1), product, (target * target).sum(1), weight.sum(1))

    def forward(
        self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, positioned: Tensor, origins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Forecast the increments at the knots from each origin.

        Increments that overlap share most of what they say. At a lead of ``n`` steps, ``n`` of them weigh as much as
        one, so that the regression does not take a few events of the past for a rule.

        ``positioned`` is 1 where there is a climatology, ``(batch,)``, and ``origins`` are increasing steps; the other
        arguments are those of :meth:`moments`.

        Returns:
            Mean, spread and logarithm of the residual variance in the context relative to the prior's, in units of
            ``scale``, each ``(batch, origins, knots)``.
        """
        prior = (positioned > 0.5).to(torch.int64)
        leads = torch.tensor(self.knots, device=features.device)
        noise, precision, mean = self.noise[prior].unsqueeze(2), self.precision[prior], self.mean[prior]
        row_noise = noise * leads.unsqueeze(1)
        shift = (precision @ mean.unsqueeze(3)).squeeze(3)
        rows, z, y, counted, moments = self.blocks(features, x, scale, observed, origins)
        moment = shift.unsqueeze(2) + moments.product / row_noise.unsqueeze(3)

        # The origins of each block, and which of its rows each has seen.
        block = torch.div(origins - origins[0], rows, rounding_mode="floor")
        place = torch.arange(len(origins), device=leads.device) - torch.searchsorted(block, block)
        steps = origins[0] + rows * torch.arange(z.shape[2], device=leads.device).unsqueeze(1)
        members = steps.repeat(1, int(place.max()) + 1)
        members[block, place] = origins
        seen = (torch.arange(rows, device=leads.device) < (members - steps).unsqueeze(2)).to(features.dtype)
        f = features[:, members].unsqueeze(1).expand(-1, len(self.knots), -1, -1, -1)

        factor, _ = torch.linalg.cholesky_ex(precision.unsqueeze(2) + moments.gram / row_noise[..., None, None])
        solved = torch.cholesky_solve(torch.cat([z, f, moment.unsqueeze(3)], 3).transpose(3, 4), factor).transpose(3, 4)
        gain, moved, start = solved[:, :, :, :rows], solved[:, :, :, rows:-1], solved[:, :, :, -1:]
        weights, variance = start.expand_as(f), noise.unsqueeze(3) + (f * moved).sum(4)
        least = (shift * mean).sum(2, keepdim=True) + moments.power / row_noise - (moment * start.squeeze(3)).sum(3)
        least, count = least.unsqueeze(3), moments.rows.unsqueeze(3)
        if rows > 1:
            # The rows inside a block update the posterior as values do a Gaussian process (Rasmussen and Williams 2006,
            # section 2.2): the Cholesky factor of the covariance of all of them holds that of the first few.
            covariance = gain @ z.transpose(3, 4)
            covariance.diagonal(0, 3, 4).add_(row_noise.unsqueeze(3))
            inner, _ = torch.linalg.cholesky_ex(covariance)
            surprise = y.unsqueeze(4) - z @ start.transpose(3, 4)
            whitened = torch.linalg.solve_triangular(inner, torch.cat([gain, surprise], 4), upper=False)
            gain, surprise = whitened[:, :, :, :, :-1], whitened[:, :, :, :, -1:]
            explained = (f @ gain.transpose(3, 4)) * seen
            weights = start + seen @ (gain * surprise)
            variance = variance - (explained * explained).sum(4)
            least = least + (seen @ (surprise * surprise)).squeeze(4)
            count = count + (seen @ counted.unsqueeze(4)).squeeze(4)
        # What the fit leaves of the squares is the posterior's minimum without what the prior adds to it.
        away = weights - mean.unsqueeze(2).unsqueeze(3)
        added = ((away.flatten(2, 3) @ precision) * away.flatten(2, 3)).sum(3).view_as(variance)
        ratio = (least - added + 5.0) / (count / leads.view(-1, 1, 1) + 5.0)
        parts = [(f * weights).sum(4), torch.sqrt(variance), torch.log(torch.clamp(ratio, min=1e-3))]
        mean, spread, fit = [part[:, :, block, place].transpose(1, 2) for part in parts]
        return mean, spread, fit

    def blocks(
        self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, origins: Tensor
    ) -> tuple[int, Tensor, Tensor, Tensor, Moments]:
        """Return the rows that become known after the first origin, in blocks, and the moments before each block.

        Returns:
            The number of rows of a block; predictors and targets, 0 where a row does not count, and 1 where it does,
            ``(batch, knots, blocks, rows, …)``; and moments ``(batch, knots, blocks, …)``.
        """
        first, knots = int(origins[0]), len(self.knots)
        span = int(origins[-1]) - first + 1
        rows = min(self.block, span)
        count = (span + rows - 1) // rows
        target, weight = self.targets(x, scale, observed)
        base = self.summed(features, target, weight, bool(observed.all()), first)
        leads = torch.tensor(self.knots, device=features.device).unsqueeze(1)
        steps = first + 1 - leads + torch.arange(count * rows, device=features.device)
        within = (steps >= 0) & (steps < features.shape[1])
        steps, knot = torch.clamp(steps, 0, features.shape[1] - 1), torch.arange(knots, device=features.device)
        counted = weight[:, steps, knot.unsqueeze(1)] * within
        z = features[:, steps] * counted.unsqueeze(3)
        y = target[:, steps, knot.unsqueeze(1)] * within
        counted, y = counted.view(-1, knots, count, rows), y.view(-1, knots, count, rows)
        z = z.view(-1, knots, count, rows, features.shape[2])
        moments = Moments(
            before(base.gram, z.transpose(3, 4) @ z),
            before(base.product, (y.unsqueeze(3) @ z).squeeze(3)),
            before(base.power, (y * y).sum(3)),
            before(base.rows, counted.sum(3)),
        )
        return rows, z, y, counted, moments


def before(base: Tensor, added: Tensor) -> Tensor:
    """Return what sums are before each block, ``(batch, knots, blocks, …)``, from those before the first."""
    return torch.cumsum(torch.cat([base.unsqueeze(2), added[:, :, :-1]], 2), 2)


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
