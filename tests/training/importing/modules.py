"""Small modules as people train them elsewhere: one that keeps the contract, and several that break it."""

from pathlib import Path

import torch
from torch import Tensor, nn

from forecasting.models.checkpoint import script
from forecasting.series.timestep import MONTH

WINDOW = 24


class Sized(nn.Module):
    """Has the attributes of the contract."""

    def __init__(self, window: int = WINDOW, step_seconds: int = MONTH.seconds) -> None:
        super().__init__()
        self.window = window
        self.step_seconds = step_seconds


class Steady(Sized):
    """Forecasts a small step back towards a mean; keeps the contract."""

    def __init__(self, window: int = WINDOW, step_seconds: int = MONTH.seconds) -> None:
        super().__init__(window, step_seconds)
        self.share = nn.Parameter(torch.tensor(0.9))

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return 23.0 + self.share * (sst[:, -1] - 23.0)


class Persistent(Steady):
    """Returns a part of its input, and ignores the time."""

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1]


class WithoutWindow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step_seconds = MONTH.seconds

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1]


class TensorWindow(Steady):
    def __init__(self) -> None:
        super().__init__()
        del self.window
        self.register_buffer("window", torch.tensor(WINDOW))


class Column(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1:]


class Unchanged(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst


class Pair(Sized):
    def forward(self, sst: Tensor, valid_time: Tensor) -> tuple[Tensor, Tensor]:
        return sst[:, -1], valid_time


class Double(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1].double()


class DoubleWeights(Steady):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WINDOW, 1).double()

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        out: Tensor = self.head(sst)
        return out[:, 0]


class NotANumber(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return torch.log(sst[:, -1] - 23.0)


class Random(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1] + torch.rand(sst.shape[0])


class Together(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1] + 0.1 * (sst.mean() - sst[:, -1])


class InPlace(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        sst -= 1.0
        return sst[:, -1] + 1.0


class Scaled(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return (sst[:, -1] - 23.0) / 3.0


class Kelvin(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1] + 273.15


class Explosive(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        change = sst[:, -1] - sst[:, -2]
        return sst[:, -1] + change**3


class OnGpu(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst.to(torch.device("cuda"))[:, -1]


class Crashing(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst.reshape(sst.shape[0], 7)[:, 0]


class OneArgument(Sized):
    def forward(self, sst: Tensor) -> Tensor:
        return sst[:, -1]


class LeadsCount(Steady):
    def __init__(self) -> None:
        super().__init__()
        self.leads = 12


class Endless(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        while bool(sst[0, 0] < 1_000.0):
            sst = sst + 0.0
        return sst[:, -1]


class Greedy(Steady):
    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1] + torch.ones(1_125_899_906_842_624).sum()


class WritesWhenLoaded(Sized):
    """Writes a file as soon as it is loaded."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.mark = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self) -> tuple[str, int, int, bool]:
        return (self.path, self.window, self.step_seconds, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, int, int, bool]) -> None:
        self.path = state[0]
        self.window = state[1]
        self.step_seconds = state[2]
        self.training = state[3]
        self.mark = torch.from_file(state[0], True, 16, dtype=torch.float32).fill_(1.0).sum()

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1]


def torchscript(module: nn.Module) -> bytes:
    """Return the TorchScript file of a module."""
    return bytes(script(module).save_to_buffer())


def save(module: nn.Module, path: Path) -> Path:
    """Write the TorchScript file of a module, and return its path."""
    path.write_bytes(torchscript(module))
    return path
