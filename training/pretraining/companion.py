"""The companion: a Bayesian linear regression that a series updates with its own past."""

import torch
from torch import Tensor, nn

from training.pretraining.spec import Spec


class Companion(nn.Module):
    """A linear regression of the increments at some leads, with a prior learnt from simulated seas.

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

    def targets(self, x: Tensor, scale: Tensor, observed: Tensor, lead: int) -> tuple[Tensor, Tensor]:
        """Return scaled increments ``lead`` steps ahead, and their weights, each ``(batch, steps - lead)``.

        Increments that overlap share most of what they say. ``lead`` of them weigh as much as one, so that a long lead
        does not take a few events of the past for a rule.
        """
        bound = 5.0 * lead**0.5
        target = torch.clamp((x[:, lead:] - x[:, :-lead]) / scale[:, :-lead], -bound, bound)
        weight = observed[:, :-lead] * observed[:, lead:]
        weight = weight * (torch.cumsum(observed, 1)[:, :-lead] > self.skipped).to(weight.dtype)
        return target, weight / lead

    def moments(
        self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, lead: int, origins: Tensor
    ) -> Tensor:
        """Weighted sums of products of predictors and target up to each origin: ``(batch, origins, size + 1, size + 1)``."""
        batch, steps, size = features.shape
        if steps <= lead:
            return torch.zeros(batch, len(origins), size + 1, size + 1, dtype=features.dtype, device=features.device)
        target, weight = self.targets(x, scale, observed, lead)
        rows = torch.cat([features[:, :-lead], target.unsqueeze(2)], 2)
        weighted = rows * weight.unsqueeze(2)
        start = max(0, int(origins[0]) - lead + 1)
        base = torch.bmm(weighted[:, :start].transpose(1, 2), rows[:, :start]).unsqueeze(1)
        if len(origins) == 1:
            return base
        stop = max(start, int(origins[-1]) - lead + 1)
        products = (weighted[:, start:stop].unsqueeze(3) * rows[:, start:stop].unsqueeze(2)).flatten(2)
        sums = torch.cat([torch.zeros_like(base.flatten(2)), torch.cumsum(products, 1)], 1)
        at = torch.clamp(origins - lead + 1, min=start) - start
        return base + sums[:, at].view(batch, len(origins), size + 1, size + 1)

    def forward(
        self, features: Tensor, x: Tensor, scale: Tensor, observed: Tensor, positioned: Tensor, origins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Forecast the increments at the knots from each origin.

        Args:
            features: float64 ``(batch, steps, size)``.
            x: the series, °C, ``(batch, steps)``.
            scale: its volatility, °C, ``(batch, steps)``.
            observed: 1 where observed, ``(batch, steps)``.
            positioned: 1 where there is a climatology, ``(batch,)``.
            origins: steps to forecast from, increasing.

        Returns:
            Mean, spread and logarithm of the residual variance in the context relative to the prior's, in units of
            ``scale``, each ``(batch, origins, knots)``.
        """
        which = (positioned > 0.5).to(torch.int64)
        predictors = features[:, origins].unsqueeze(3)
        means, spreads, fits = [], [], []
        for place, lead in enumerate(self.knots):
            moments = self.moments(features, x, scale, observed, lead, origins)
            gram, product = moments[:, :, :-1, :-1], moments[:, :, :-1, -1:]
            noise = self.noise[which, place].view(-1, 1, 1, 1)
            precision, prior = (
                self.precision[which, place].unsqueeze(1),
                self.mean[which, place].unsqueeze(1).unsqueeze(3),
            )
            shift = precision @ prior
            solved, _ = torch.linalg.solve_ex(
                precision + gram / noise, torch.cat([shift + product / noise, predictors], 3)
            )
            weights, moved = solved[:, :, :, :1], solved[:, :, :, 1:]
            means.append((predictors * weights).sum(2).squeeze(2))
            spreads.append(torch.sqrt(noise.squeeze(3) + (predictors * moved).sum(2)).squeeze(2))
            squares = moments[:, :, -1:, -1:] - 2 * (weights * product).sum(2, keepdim=True)
            squares = (squares + weights.transpose(2, 3) @ gram @ weights)[:, :, 0, 0]
            count = moments[:, :, 0, 0]
            ratio = (squares / noise.squeeze(3).squeeze(2) + 5.0) / (count + 5.0)
            fits.append(torch.log(torch.clamp(ratio, min=1e-3)))
        return torch.stack(means, 2), torch.stack(spreads, 2), torch.stack(fits, 2)


@torch.no_grad()
def fit_prior(moments: Tensor, noise: float, rounds: int = 25) -> tuple[Tensor, Tensor, float]:
    """Fit a prior to many series by expectation maximisation (empirical Bayes).

    Args:
        moments: of each series, ``(series, size + 1, size + 1)``, as :meth:`Companion.moments` returns them.
        noise: variance to begin with.
        rounds: of expectation and maximisation.

    Returns:
        Mean ``(size,)``, precision ``(size, size)`` and variance of the noise.
    """
    gram, product, power, count = moments[:, :-1, :-1], moments[:, :-1, -1:], moments[:, -1, -1], moments[:, 0, 0]
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
