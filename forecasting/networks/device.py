"""The device that networks run on."""

from typing import Final

import torch

from forecasting.errors import RequestError
from forecasting.wording import counted

CPU: Final = torch.device("cpu")


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        RequestError: if the name is unknown or the device is not available.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if name != "cpu" and (kind != "cuda" or not (index or "0").isdecimal()):
        raise RequestError(f"unknown device {name!r}: choose auto, cpu, cuda or cuda:N", field="device")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise RequestError(
            f"device {name!r} is not available: torch finds {counted(count, 'GPU')}; choose auto or cpu", field="device"
        )
    return torch.device(name)
