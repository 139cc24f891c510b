"""The identity of a run: everything its output depends on. Only a run with the same plan can resume another."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Final

_LIBRARIES: Final = ("torch", "numpy", "pyarrow", "xarray", "zarr", "h5netcdf")


@dataclass(frozen=True)
class Plan:
    """Everything that determines the output, and nothing else.

    Attributes:
        input_sha256: digest of all input files.
        model: full name, such as ``nino12-gru``.
        version: version of the release.
        model_sha256: digest of the checkpoint.
        horizon: number of leads.
        levels: levels of the prediction intervals, percent.
        chunk: cells or rows per chunk.
        output: output format.
        device: device that the model runs on.
        events_sha256: digest of the events to judge; None without any.
        baseline: period of the baseline of events; None for the whole input, or a file.
        baseline_sha256: digest of the file of baselines; None without one.
        reading: reading options that the user set.
        libraries: versions of the libraries that affect the output.
    """

    input_sha256: str
    model: str
    version: str
    model_sha256: str
    horizon: int
    levels: tuple[int, ...]
    chunk: int
    output: str
    device: str
    events_sha256: str | None
    baseline: str | None
    baseline_sha256: str | None
    reading: dict[str, object]
    libraries: dict[str, str]

    def to_json(self) -> str:
        """Return the plan as JSON, with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def differences(self, begun: str) -> list[str]:
        """Describe each difference between this plan and the one in ``begun`` (JSON)."""
        current = json.loads(self.to_json())
        try:
            earlier = json.loads(begun)
        except ValueError:
            return ["its plan is unreadable"]
        return list(_differences(earlier, current))


_WORDS: Final = {
    "input_sha256": "the input", "model_sha256": "the checkpoint", "version": "the release of the model",
    "events_sha256": "the list of events", "baseline_sha256": "the file of baselines",
    "baseline": "the period of the baseline",
}  # fmt: skip


def _differences(earlier: dict[str, object], current: dict[str, object]) -> Iterator[str]:
    for name in sorted(earlier.keys() | current.keys()):
        if earlier.get(name) == current.get(name):
            continue
        if name.endswith("sha256"):
            yield f"{_WORDS[name]} has changed"
        else:
            yield f"{_WORDS.get(name, name)} was {earlier.get(name)} and is now {current.get(name)}"


def installed() -> dict[str, str]:
    """Return the versions of the libraries that affect the output."""
    return {name: version(name) for name in _LIBRARIES}
