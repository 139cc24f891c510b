"""Small releases and keys, for tests of signatures."""

from pathlib import Path

import sst
from forecasting.releases.release import point_current
from training.publish.release import publish, staging


def make_release(artifacts: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """Publish a release with these files, which serves; returns its folder."""
    with staging(artifacts / name) as folder:
        for file, content in files.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(content)
        path = publish(folder, artifacts / name, version)
    point_current(artifacts / name, version)
    return path


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a pair of keys; returns the files of the private and of the public one."""
    assert sst.run(["release", "key", str(folder / name)]) == 0
    return folder / f"{name}.pem", folder / f"{name}.pub.pem"


def sign(path: Path, private: Path) -> None:
    """Sign the releases that ``path`` means."""
    assert sst.run(["release", "sign", str(path), "--key", str(private)]) == 0
