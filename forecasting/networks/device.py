"""Where networks compute."""

import torch

from forecasting.errors import RequestError


def choose_device(name: str) -> torch.device:
    """``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        RequestError: if there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if name != "cpu" and (kind != "cuda" or not (index or "0").isdecimal()):
        raise RequestError(f"device {name!r} is none of auto, cpu, cuda and cuda:N", field="device")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise RequestError(f"device {name!r}: torch sees {torch.cuda.device_count()} GPUs here", field="device")
    return torch.device(name)
