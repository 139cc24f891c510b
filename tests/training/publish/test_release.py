from datetime import UTC, datetime
from pathlib import Path

import pytest

from forecasting.errors import ReleaseError, UnknownNameError
from forecasting.releases.release import Release, current_version, point_current, versions
from training.publish.release import next_version, prune, publish, rollback, staging


def release(dataset: Path, version: str) -> Path:
    with staging(dataset) as folder:
        (folder / "gru.pt").write_bytes(version.encode())
        return publish(folder, dataset, version)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three releases; the last one serves."""
    folder = tmp_path / "nino12"
    for day in ("01", "02", "03"):
        release(folder, f"202601{day}T000000Z")
    point_current(folder, "20260103T000000Z")
    return folder


def test_a_release_is_sealed_with_the_digest_of_every_file(dataset: Path) -> None:
    opened = Release.open(dataset / "20260103T000000Z")
    assert opened.read("gru.pt") == b"20260103T000000Z"
    assert list(opened.manifest.files) == ["gru.pt"]


def test_a_version_is_the_time_and_sorts_after_every_other(dataset: Path) -> None:
    assert next_version(dataset, datetime(2026, 11, 24, 15, 3, 12, tzinfo=UTC)) == "20261124T150312Z"
    assert next_version(dataset, datetime(2026, 1, 3, tzinfo=UTC)) == "20260103T000001Z"
    assert next_version(dataset, datetime(2025, 1, 1, tzinfo=UTC)) == "20260103T000001Z"


def test_a_version_is_never_overwritten(dataset: Path) -> None:
    with pytest.raises(ReleaseError, match="cannot publish"):
        release(dataset, "20260103T000000Z")
    assert Release.open(dataset / "20260103T000000Z").read("gru.pt") == b"20260103T000000Z"


def test_a_failed_release_leaves_nothing_behind(tmp_path: Path, dataset: Path) -> None:
    def fail(folder: Path) -> None:
        with staging(folder) as stage:
            (stage / "gru.pt").write_bytes(b"half")
            raise KeyboardInterrupt

    for folder in (tmp_path / "new", dataset):
        with pytest.raises(KeyboardInterrupt):
            fail(folder)
    assert not (tmp_path / "new").exists()
    assert sorted(entry.name for entry in dataset.iterdir()) == [*versions(dataset), "current"]


def test_the_folder_of_a_killed_run_is_removed_but_not_that_of_a_running_one(dataset: Path) -> None:
    abandoned = dataset / ".publishing-dead"
    abandoned.mkdir()
    (abandoned / "gru.pt").write_bytes(b"half")
    with staging(dataset) as first, staging(dataset) as second:
        assert first.exists()
        assert second.exists()
        assert not abandoned.exists()


def test_pruning_keeps_a_number_of_old_releases_and_always_the_serving_one(dataset: Path) -> None:
    point_current(dataset, "20260101T000000Z")
    assert prune(dataset, keep=1) == ["20260102T000000Z"]
    assert versions(dataset) == ["20260101T000000Z", "20260103T000000Z"]
    assert prune(dataset, keep=0, new="20260103T000000Z") == []
    assert prune(dataset, keep=0) == ["20260103T000000Z"]
    assert current_version(dataset) in versions(dataset)


def test_rolling_back_goes_to_the_release_before(dataset: Path) -> None:
    assert rollback(dataset.parent, "nino12") == "20260102T000000Z"
    assert rollback(dataset.parent, "nino12") == "20260101T000000Z"
    with pytest.raises(ReleaseError, match="no release older"):
        rollback(dataset.parent, "nino12")
    assert current_version(dataset) == "20260101T000000Z"


def test_rolling_back_to_a_named_version_may_also_go_forward(dataset: Path) -> None:
    rollback(dataset.parent, "nino12", "20260101T000000Z")
    rollback(dataset.parent, "nino12", "20260103T000000Z")
    assert current_version(dataset) == "20260103T000000Z"


def test_rolling_back_to_an_unknown_version_names_the_known_ones(dataset: Path) -> None:
    with pytest.raises(UnknownNameError, match="no release '2020' of nino12; available: 20260101T000000Z"):
        rollback(dataset.parent, "nino12", "2020")
    with pytest.raises(UnknownNameError, match=r"no dataset 'north-sea'.*available: nino12"):
        rollback(dataset.parent, "north-sea")
