"""Releases of places and universal ones are loaded only if a trusted key signed them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from forecasting import TrustedKeys, load_forecaster, load_universal
from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.releases.release import release_folders
from tests.scoring.commands import score
from tests.scoring.tables.sample import long_table
from tests.signing import make_key, sign


@pytest.fixture(scope="module")
def signed(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Releases of places and universal ones, signed by alice, and her public key."""
    folder = tmp_path_factory.mktemp("signed")
    private, public = make_key(folder, "alice")
    for release in release_folders(seas):
        copy = folder / "artifacts" / release.parent.name / release.name
        copy.mkdir(parents=True)
        for file in release.rglob("*"):
            if file.is_file():
                (copy / file.relative_to(release)).parent.mkdir(exist_ok=True)
                (copy / file.relative_to(release)).hardlink_to(file)
        (copy.parent / "current").write_text(release.name)
    sign(folder / "artifacts", private)
    return folder / "artifacts", public


def signature(artifacts: Path, dataset: str) -> Path:
    (release,) = release_folders(artifacts / dataset)
    return release / "manifest.sig"


def test_signed_releases_are_loaded(signed: tuple[Path, Path]) -> None:
    artifacts, public = signed
    trusted = TrustedKeys.read([public])
    assert len(Catalog.open(artifacts, CPU, "nino12", trusted=trusted).versions) == 4
    assert load_forecaster("nino12-gru", artifacts, trusted=trusted).metadata.cell == "gru"
    assert load_universal("ocean-daily", artifacts, trusted=trusted).horizon > 0


def load_place(artifacts: Path, trusted: TrustedKeys) -> None:
    load_forecaster("buoy-gru", artifacts, trusted=trusted)


def load_any_sea(artifacts: Path, trusted: TrustedKeys) -> None:
    load_universal("ocean-daily", artifacts, trusted=trusted)


@pytest.mark.parametrize(("dataset", "load"), [("buoy", load_place), ("ocean-daily", load_any_sea)])
def test_an_unsigned_release_is_refused_before_its_networks_are_read(
    signed: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    dataset: str,
    load: Callable[[Path, TrustedKeys], None],
) -> None:
    artifacts, public = signed
    trusted = TrustedKeys.read([public])
    file = signature(artifacts, dataset)
    file.rename(tmp_path / "manifest.sig")
    (file.parent / "gru.pt").rename(tmp_path / "gru.pt")
    (file.parent / "gru.pt").write_bytes(b"not a network")
    try:
        with pytest.raises(ReleaseError, match=f"{dataset}/.* is not signed"):
            Catalog.open(artifacts, CPU, "nino12", trusted=trusted)
        with pytest.raises(ReleaseError, match=f"{dataset}/.* is not signed"):
            load(artifacts, trusted)
        table = long_table(tmp_path / "in.csv", stations=1)
        chosen = ("--dataset", dataset, "--artifacts", artifacts, "--trusted-key", public)
        capsys.readouterr()
        assert score(table, tmp_path / "out.csv", *chosen) == 2
        assert f"{file.parent} is not signed: it has no manifest.sig" in capsys.readouterr().err
        assert not (tmp_path / "out.csv").exists()
    finally:
        (tmp_path / "manifest.sig").rename(file)
        (tmp_path / "gru.pt").rename(file.parent / "gru.pt")
