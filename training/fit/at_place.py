"""Networks of a place that contain a universal network, alone or combined with one that was fitted to the place."""

import torch
from torch import Tensor, nn

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from training.fit.companion import Network


class UniversalAtPlace(nn.Module):
    """A universal network that knows a place: its climatology, and its series before a window.

    Only values before the window count, so a forecast never uses values from its own future.

    Attributes:
        window: number of values of a window.
        step_seconds: length of the step.
    """

    def __init__(self, universal: torch.jit.ScriptModule, window: int, history: SstSeries, climatology: Tensor) -> None:
        """Place a universal network.

        Args:
            universal: as :mod:`forecasting.universal.network.checkpoint` describes it.
            window: number of values of a window.
            history: the series of the place.
            climatology: coefficients of its climatology, °C, float32 ``(7,)``; NaN if the position is not known.
        """
        super().__init__()
        self.history: Tensor
        self.climatology: Tensor
        self.universal = universal
        self.window = window
        self.step_seconds = history.step.seconds
        self.begin = float(unix_seconds(history.times[:1])[0])
        self.maximum = int(universal.maximum)
        self.before = max(self.maximum - window, 0)
        self.register_buffer("history", torch.from_numpy(history.values).to(torch.float32))
        self.register_buffer("climatology", climatology.view(1, -1))

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step; see :meth:`~training.fit.networks.RecurrentForecaster.forward`."""
        return self.leads(sst, valid_time.unsqueeze(1))[:, 0]

    @torch.jit.export
    def leads(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast several leads in one pass.

        Args:
            sst: °C, float32 ``(batch, window)``.
            valid_time: Unix seconds of each lead, float64 ``(batch, leads)``.

        Returns:
            °C, float32 ``(batch, leads)``.
        """
        return self.distribution(sst, valid_time[:, 0])[:, : valid_time.shape[1], 0]

    @torch.jit.export
    def distribution(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Mean and quantiles of the universal network, °C, float32 ``(batch, horizon, 1 + levels)``.

        Args:
            sst: °C, float32 ``(batch, window)``.
            valid_time: Unix seconds of the first lead, float64 ``(batch,)``.
        """
        context = torch.cat([self.earlier(valid_time), sst], 1)[:, -self.maximum :]
        known = self.climatology.expand(sst.shape[0], -1)
        answer: Tensor = self.universal.quantiles(context, valid_time - self.step_seconds, known)
        return answer

    def earlier(self, valid_time: Tensor) -> Tensor:
        """The history before each window, NaN where unknown, without steps before all of it: °C, ``(batch, steps)``."""
        steps = torch.round((valid_time - self.begin) / self.step_seconds).to(torch.int64)
        back = torch.arange(-self.before - self.window, -self.window, device=steps.device)
        places = steps.unsqueeze(1) + back.unsqueeze(0)
        length = self.history.shape[0]
        inside = (places >= 0) & (places < length)
        missing = torch.full([1], float("nan"), device=steps.device)
        values = torch.where(inside, self.history[torch.clamp(places, 0, length - 1)], missing)
        known = torch.nonzero(torch.isfinite(values).any(0))
        first = int(known[0, 0]) if known.shape[0] > 0 else self.before
        return values[:, first:]

    def size(self) -> int:
        """Number of fitted weights."""
        return sum(weights.numel() for weights in self.universal.parameters())


class MixedForecaster(nn.Module):
    """The weighted mean of a network that was fitted to a place and a universal network."""

    def __init__(self, place_network: Network, universal: UniversalAtPlace, share: float) -> None:
        """Combine two networks; ``share`` is the weight of the universal one."""
        super().__init__()
        self.place_network = place_network
        self.universal = universal
        self.share = share
        self.window = place_network.window
        self.step_seconds = place_network.step_seconds

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step; see :meth:`~training.fit.networks.RecurrentForecaster.forward`."""
        return self.leads(sst, valid_time.unsqueeze(1))[:, 0]

    @torch.jit.export
    def leads(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast several leads; see :meth:`UniversalAtPlace.leads`.

        The network of the place forecasts each lead from its own forecasts of the earlier ones.
        """
        window, forecasts = sst, torch.empty([sst.shape[0], 0], dtype=sst.dtype, device=sst.device)
        for lead in range(valid_time.shape[1]):
            forecast = self.place_network(window, valid_time[:, lead]).unsqueeze(1)
            window = torch.cat([window[:, 1:], forecast], 1)
            forecasts = torch.cat([forecasts, forecast], 1)
        return torch.lerp(forecasts, self.universal.leads(sst, valid_time), self.share)

    def size(self) -> int:
        """Number of fitted weights of both networks."""
        return self.place_network.size() + self.universal.size()
