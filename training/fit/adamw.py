"""The AdamW optimiser without the import of torch's compiler, which takes seconds of each training process."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

BETAS: Final = (0.9, 0.99)
"""Decay of the means of the gradient and of its square."""

_EPSILON: Final = 1e-8


@dataclass(frozen=True)
class _State:
    """A parameter, its weight decay, and the running means of its gradient and of the gradient's square."""

    parameter: nn.Parameter
    decay: float
    mean: Tensor
    square: Tensor


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), and the weights of ``torch.optim.AdamW``.

    Biases do not decay.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: Callable[[int], float], weight_decay: float) -> None:
        """Begin to optimise.

        Args:
            parameters: to optimise, in place.
            rate: the learning rate at each step, counted from 0.
            weight_decay: by which weights of two or more dimensions decay, as a share of the learning rate.
        """
        self._rate = rate
        self._steps = 0
        self._states = [
            _State(
                parameter, weight_decay if parameter.ndim > 1 else 0.0,
                torch.zeros_like(parameter), torch.zeros_like(parameter),
            )
            for parameter in parameters
        ]  # fmt: skip

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients; those without a gradient stay as they are."""
        rate = self._rate(self._steps)
        self._steps += 1
        first, second = (1 - beta**self._steps for beta in BETAS)
        for state in self._states:
            gradient = state.parameter.grad
            if gradient is None:
                continue
            state.parameter.mul_(1 - rate * state.decay)
            state.mean.lerp_(gradient, 1 - BETAS[0])
            state.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            spread = (state.square.sqrt() / math.sqrt(second)).add_(_EPSILON)
            state.parameter.addcdiv_(state.mean, spread, value=-rate / first)
