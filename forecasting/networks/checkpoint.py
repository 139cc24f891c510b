"""The checkpoint: a self-contained TorchScript file with its metadata inside. The only file that knows ``torch.jit``.

    forward(sst: float32[batch, window] °C, valid_time: float64[batch] Unix seconds of the step to forecast)
        -> float32[batch] °C

The module carries the integer attributes ``window`` and ``step_seconds``.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from forecasting.errors import ReleaseError
from forecasting.networks.metadata import CheckpointMetadata, parse_metadata

_EXTRA: Final = "metadata.json"
_load_lock = threading.Lock()


def script(module: torch.nn.Module) -> torch.jit.ScriptModule:
    """Compile an eager module, in evaluation mode, to TorchScript."""
    with _quiet():
        scripted: torch.jit.ScriptModule = torch.jit.script(module.eval())
    return scripted


def save(module: torch.jit.ScriptModule, metadata: CheckpointMetadata, path: Path) -> None:
    """Write ``module`` with ``metadata`` inside to ``path``."""
    content = io.BytesIO()  # to a full disk, torch would raise no OSError
    with _quiet():
        torch.jit.save(module, content, _extra_files={_EXTRA: metadata.model_dump_json().encode()})
    path.write_bytes(content.getbuffer())


def load(content: bytes, device: torch.device) -> tuple[torch.jit.ScriptModule, CheckpointMetadata]:
    """Load a checkpoint from bytes whose digest the caller has checked: TorchScript can run code while it loads.

    Raises:
        ReleaseError: if the bytes are no checkpoint of this schema, or the module does not keep the contract.
    """
    extra = {_EXTRA: b""}
    try:
        with _load_lock, _quiet():
            module = torch.jit.load(io.BytesIO(content), map_location=device, _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        raise ReleaseError(f"is no TorchScript file: {str(error).splitlines()[0]}") from None
    metadata = parse_metadata(extra[_EXTRA])
    _check_contract(module, metadata, device)
    return module.eval(), metadata


def _check_contract(module: torch.jit.ScriptModule, metadata: CheckpointMetadata, device: torch.device) -> None:
    for name, stated in (("window", metadata.window), ("step_seconds", metadata.step_seconds)):
        found = getattr(module, name, None)
        if found != stated:
            raise ReleaseError(f"its module has {name} {found}, its metadata {stated}")
    level = (metadata.training_range.minimum + metadata.training_range.maximum) / 2
    sst = torch.full((2, metadata.window), level, dtype=torch.float32, device=device)
    valid_time = torch.zeros(2, dtype=torch.float64, device=device)
    try:
        with torch.inference_mode():
            answer = module(sst, valid_time)
    except RuntimeError as error:
        raise ReleaseError(f"its module fails on a window: {str(error).splitlines()[-1]}") from None
    if answer.shape != (2,) or answer.dtype != torch.float32 or not bool(torch.isfinite(answer).all()):
        raise ReleaseError("its module does not answer a batch of windows with as many finite float32 values")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from telling each user that TorchScript is deprecated; why it stays is in docs/decisions."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated", category=DeprecationWarning)
        yield
