"""Publishing a release again with the same weights, as a new version that says more about itself."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError
from forecasting.events.joint.dependence import Dependence
from forecasting.networks.checkpoint import load_module, save_module
from forecasting.networks.device import CPU
from forecasting.releases.release import Release
from training.publish.release import next_version, point_current, publish, staging

_TEXTS: Final = (".json", ".md")
"""Files that name the version of their release."""


def add_dependence(release: Release, learn: Callable[[Release], Mapping[str, Dependence]]) -> Path:
    """Publish a release again, with what is known of the dependence between its leads.

    Args:
        release: to publish again.
        learn: returns the dependence of each checkpoint that gets one, by the name of its file, such as ``gru.pt``.

    Returns:
        The folder of the new release, which serves. It has another manifest, so it is not signed.

    Raises:
        ReleaseError: if the release cannot be read, or the new one cannot be written.
    """
    dependences, folder = learn(release), release.path.parent
    try:
        with staging(folder) as stage:
            version = next_version(folder)
            for file in release.manifest.files:
                _write(stage / file, release.read(file), _Change.of(release.version, version, dependences, file))
            path = publish(stage, folder, version)
        point_current(folder, version)
    except OSError as error:
        raise ReleaseError(f"cannot write the release to {folder}: {error.strerror or error}") from None
    return path


class _Change:
    """What changes in one file: the version and time of its release, and the dependence of a network."""

    def __init__(self, old: str, new: str, dependence: Dependence | None) -> None:
        self.renamed = {old: new, _created(old): _created(new)}
        self.dependence = dependence

    @classmethod
    def of(cls, old: str, new: str, dependences: Mapping[str, Dependence], file: str) -> "_Change":
        """Return the change of ``file``; a sidecar has the dependence of its checkpoint."""
        return cls(old, new, dependences.get(str(Path(file).with_suffix(".pt"))))

    def text(self, content: bytes) -> str:
        """Return a text with the new version."""
        text = content.decode()
        for old, new in self.renamed.items():
            text = text.replace(old, new)
        return text

    def metadata(self, content: bytes, indent: int | None = None) -> str:
        """Return the metadata of a checkpoint with the new version and the dependence."""
        fields = json.loads(self.text(content))
        if self.dependence is not None:
            fields["dependence"] = self.dependence.model_dump(mode="json")
        return json.dumps(fields, indent=indent, ensure_ascii=False)


def _write(path: Path, content: bytes, change: _Change) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".pt":
        module, metadata = load_module(content, CPU)
        save_module(module, change.metadata(metadata), path)
    elif path.suffix == ".json" and change.dependence is not None:
        path.write_text(change.metadata(content, indent=1) + "\n", encoding="utf-8")
    elif path.suffix in _TEXTS:
        path.write_text(change.text(content), encoding="utf-8")
    else:
        path.write_bytes(content)


def _created(version: str) -> str:
    return f"{datetime.strptime(version, '%Y%m%dT%H%M%SZ'):%Y-%m-%dT%H:%M:%SZ}"
