"""The companion: a Bayesian linear regression that a series updates with its own past."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from research.spec import Spec


class Moments(NamedTuple):
    """Sums over the past of a series, for each knot."""

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
        leads = len(self.knots)
        self.register_buffer("mean", torch.zeros(2, leads, size, dtype=torch.float64))
        self.register_buffer("precision", torch.eye(size, dtype=torch.float64).repeat(2, leads, 1, 1) * 10.0)
        self.register_buffer("noise", torch.tensor(self.knots, dtype=torch.float64).repeat(2, 1))

    def moments(self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, origin: int) -> Moments:
        """Sum products of predictors and targets up to one step, for each knot."""
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
        self,
        features: Tensor,
        x: Tensor,
        scale: Tensor,
        observed: Tensor,
        positioned: Tensor,
        origins: Tensor,
        growth: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Forecast the increments at the knots from each origin.

        Increments that overlap share most of what they say. At a lead of ``n`` steps, ``n`` of them weigh as much as
        one, so that the regression does not take a few events of the past for a rule.

        The posterior is updated at the first and the last origin, and between them at each by which the past has grown
        by a factor of ``growth`` since; other origins have that of the last update. With 1, each has its own.

        ``positioned`` is 1 where there is a climatology, ``(batch,)``, and ``origins`` are increasing steps; the other
        arguments are those of :meth:`moments`.
        """
        prior = (positioned > 0.5).to(torch.int64)
        leads = torch.tensor(self.knots, device=features.device)
        noise, precision, mean = self.noise[prior].unsqueeze(2), self.precision[prior], self.mean[prior]
        row_noise = noise * leads.unsqueeze(1)
        updates, update = self.updates(origins, growth)
        moments = self.moments_at(features, x, scale, observed, updates)

        # The origins of each update, as many of each.
        place = torch.arange(len(origins), device=leads.device) - torch.searchsorted(update, update)
        members = updates.unsqueeze(1).repeat(1, int(place.max()) + 1)
        members[update, place] = origins
        f = features[:, members].unsqueeze(1).expand(-1, len(self.knots), -1, -1, -1)

        shift = (precision @ mean.unsqueeze(3)).squeeze(3)
        moment = shift.unsqueeze(2) + moments.product / row_noise.unsqueeze(3)
        factor, _ = torch.linalg.cholesky_ex(precision.unsqueeze(2) + moments.gram / row_noise[..., None, None])
        whitened = torch.linalg.solve_triangular(
            factor, torch.cat([f, moment.unsqueeze(3)], 3).transpose(3, 4), upper=False
        )
        ahead, known = whitened[..., :-1], whitened[..., -1:]
        weights = torch.linalg.solve_triangular(factor.transpose(3, 4), known, upper=True).squeeze(4)
        # What the fit leaves of the squares is the posterior's minimum without what the prior adds to it.
        least = (shift * mean).sum(2, keepdim=True) + moments.power / row_noise - (known * known).sum((3, 4))
        away = weights - mean.unsqueeze(2)
        least = least - ((away @ precision) * away).sum(3)
        ratio = (least + 5.0) / (moments.rows / leads.unsqueeze(1) + 5.0)
        spread = torch.sqrt(noise.unsqueeze(3) + (ahead * ahead).sum(3))
        parts = [part[:, :, update, place] for part in ((ahead * known).sum(3), spread)]
        parts.append(torch.log(torch.clamp(ratio, min=1e-3))[:, :, update])
        mean, spread, fit = [part.transpose(1, 2) for part in parts]
        return mean, spread, fit

    def updates(self, origins: Tensor, growth: float) -> tuple[Tensor, Tensor]:
        """Return the origins at which the posterior is updated, and the index of the update of each origin."""
        steps: list[int] = origins.tolist()
        updates, update = [steps[0]], [0]
        for i in range(1, len(steps)):
            if i == len(steps) - 1 or steps[i] + 1 >= growth * (updates[-1] + 1):
                updates.append(steps[i])
            update.append(len(updates) - 1)
        return torch.tensor(updates, device=origins.device), torch.tensor(update, device=origins.device)

    def moments_at(self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, updates: Tensor) -> Moments:
        """Return the moments at increasing steps, ``(batch, knots, updates, …)``."""
        first, knots, count = int(updates[0]), len(self.knots), len(updates) - 1
        target, weight = self.targets(x, scale, observed)
        base = self.summed(features, target, weight, bool(observed.all()), first)
        if count == 0:
            gram, product, power, total = base
            return Moments(gram.unsqueeze(2), product.unsqueeze(2), power.unsqueeze(2), total.unsqueeze(2))
        # The rows that become known between two updates, as many of each.
        leads = torch.tensor(self.knots, device=features.device).view(-1, 1, 1)
        begin, end = updates[:-1].unsqueeze(1), updates[1:].unsqueeze(1)
        rows = begin + 1 + torch.arange(int((end - begin).max()), device=features.device)
        within, steps = (rows <= end) & (rows >= leads), torch.clamp(rows - leads, 0, x.shape[1] - 1)
        knot = torch.arange(knots, device=features.device).view(-1, 1, 1)
        counted = weight[:, steps, knot] * within
        z = features[:, steps] * counted.unsqueeze(4)
        y = target[:, steps, knot] * within
        return Moments(
            until(base.gram, z.transpose(3, 4) @ z),
            until(base.product, (y.unsqueeze(3) @ z).squeeze(3)),
            until(base.power, (y * y).sum(3)),
            until(base.rows, counted.sum(3)),
        )


def until(base: Tensor, added: Tensor) -> Tensor:
    """Return sums ``(batch, knots, updates, …)`` from those at the first update, and what is added by each other."""
    return torch.cumsum(torch.cat([base.unsqueeze(2), added], 2), 2)


@torch.no_grad()
def fit_prior(moments: Moments, noise: float, rounds: int = 25) -> tuple[Tensor, Tensor, float]:
    """Fit a prior to the moments of many series, ``(series, …)``, by expectation maximisation (empirical Bayes).

    It begins with ``noise`` as the variance.
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
