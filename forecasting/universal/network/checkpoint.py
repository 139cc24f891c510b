"""The universal checkpoint: a self-contained TorchScript file with its metadata inside.

    forward(sst: float32[batch, window] °C, valid_time: float64[batch] Unix seconds of the step to forecast)
        -> float32[batch] °C
    quantiles(sst: float32[batch, steps] °C, last_time: float64[batch] Unix seconds of the last step,
              climatology: float32[batch, 7] °C) -> float32[batch, horizon, 1 + levels] °C
    backtest(sst, last_time, climatology, origins: int64[origins] steps to forecast from, increasing)
        -> float32[batch, origins, horizon, 1 + levels] °C

NaN marks missing values of ``sst``, whose last value is never missing, and a climatology that is not known. Answers
hold the mean, then the quantiles at ``levels``. The module has the attributes that :func:`load` compares with the
metadata.

Two more methods are optional. Networks of one release that have them, and whose weights differ only in the submodule
``network``, share the first of the two:

    prepare(sst, last_time, climatology, origins) -> what answer takes
    answer(prepared) -> as backtest
"""

from pathlib import Path

import torch

from forecasting.errors import ReleaseError
from forecasting.networks.checkpoint import check_attributes, compiling, load_module, save_module
from forecasting.universal.network.metadata import UniversalMetadata, parse_universal_metadata

CLIMATOLOGY_TERMS = 7
_TYPICAL_CELSIUS = 15.0


def save(module: torch.jit.ScriptModule, metadata: UniversalMetadata, path: Path) -> None:
    """Write ``module`` to ``path``, with ``metadata`` inside."""
    save_module(module, metadata.model_dump_json(), path)


def load(content: bytes, device: torch.device) -> tuple[torch.jit.ScriptModule, UniversalMetadata]:
    """Load a universal checkpoint from bytes.

    TorchScript can run code while it loads: check the digest of the bytes first.

    Raises:
        ReleaseError: if the bytes are not a universal checkpoint of this schema, or the module breaks the contract.
    """
    module, metadata_json = load_module(content, device)
    metadata = parse_universal_metadata(metadata_json)
    names = ("window", "step_seconds", "horizon", "minimum", "maximum")
    check_attributes(module, {name: getattr(metadata, name) for name in names})
    levels = tuple(getattr(module, "levels", ()))
    if levels != metadata.levels:
        raise ReleaseError(f"the module has the levels {levels}, but the metadata says {metadata.levels}")
    _check_contract(module, metadata, device)
    return module, metadata


def _check_contract(module: torch.jit.ScriptModule, metadata: UniversalMetadata, device: torch.device) -> None:
    steps = metadata.minimum
    waves = torch.sin(torch.arange(2 * steps, dtype=torch.float32, device=device)).view(2, steps)
    times = torch.zeros(2, dtype=torch.float64, device=device)
    nowhere = torch.full((2, CLIMATOLOGY_TERMS), float("nan"), device=device)
    try:
        with torch.inference_mode(), compiling(device):
            answer = module.quantiles(_TYPICAL_CELSIUS + waves, times, nowhere)
    except (AttributeError, RuntimeError) as error:
        raise ReleaseError(f"the module fails on {steps} values: {str(error).splitlines()[-1]}") from None
    shape = (2, metadata.horizon, 1 + len(metadata.levels))
    if answer.shape != shape or answer.dtype != torch.float32 or not bool(torch.isfinite(answer).all()):
        raise ReleaseError(f"the module does not return finite float32 values of the shape {shape}")
    if not bool((answer[..., 1:].diff(dim=-1) >= 0).all()):
        raise ReleaseError("the module returns quantiles that are not in ascending order")
