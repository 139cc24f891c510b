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


class LeadsCount(Steady):
    def __init__(self) -> None:
        super().__init__()
        self.leads = 12


def made(*body: str, arguments: str = "sst: Tensor, valid_time: Tensor") -> torch.jit.ScriptModule:
    """Return a module whose ``forward`` has these lines; the last is the expression that it returns."""
    # A class of its own, since a method of a class is compiled once.
    module = script(type("Made", (Sized,), {})())
    *lines, returned = body
    module.define("\n    ".join([f"def forward(self, {arguments}):", *lines, f"return {returned}"]) + "\n")
    return module


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
