"""The release folders that a path means."""

from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError
from forecasting.releases.release import CURRENT, MANIFEST, current_version, dataset_names

_REMEDY: Final = "name the folder of a release, of a dataset, or of all datasets, such as artifacts"


def release_folders(path: Path) -> list[Path]:
    """Return the folders of the releases that ``path`` means, sorted.

    Args:
        path: of one release, of a dataset, which means its current release, or of an artifacts folder, which means the
            current release of every dataset.

    Raises:
        ReleaseError: if there is no release.
    """
    is_release = (path / MANIFEST).exists()
    if ".." in path.parts or not path.name or (is_release and not path.parent.name):
        path = path.resolve()  # the last two names are those of the dataset and the version
    if is_release:
        return [path]
    if (path / CURRENT).exists():
        return [_current(path)]
    if not path.is_dir():
        raise ReleaseError(f"{path} is not a folder: {_REMEDY}")
    folders = [_current(path / name) for name in dataset_names(path)]
    if not folders:
        raise ReleaseError(f"{path} holds no release: {_REMEDY}")
    return folders


def _current(dataset: Path) -> Path:
    version = current_version(dataset)
    assert version is not None
    return dataset / version
