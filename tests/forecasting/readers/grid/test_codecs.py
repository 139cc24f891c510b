"""Codecs of Zarr stores, which are code that a store asks for."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, TransposeCodec

import sst
from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from tests.forecasting.readers.grid.pickled import change, poison
from tests.scoring.grids.sample import daily, opened, save

# Advice to those who write stores.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Consolidated metadata", "ignore:The (codec|data type)", "ignore:Duplicate"
)
AT = ReadingOptions(at=(-3, 201))
DATA = daily(20 + np.random.default_rng(0).normal(0, 0.3, (60, 3, 4)))


def write(folder: Path, version: Any, *, consolidated: bool = False) -> Path:
    DATA.to_zarr(folder / "in.zarr", zarr_format=version, consolidated=consolidated)
    return folder / "in.zarr"


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """numcodecs and Zarr unpickle, as they did by default before 0.16.6 and 3.4."""
    monkeypatch.setattr("numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE", True)
    with zarr.config.set({"array.allow_unsafe_pickle_decode": True}):
        yield


def sentence(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        read(path, AT)
    return str(caught.value)


@pytest.mark.usefixtures("trusting")
def test_a_store_cannot_run_a_command(tmp_path: Path, seas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, made = write(tmp_path, 2), tmp_path / "made"
    poison(store / "lat", made)
    refused = (
        f"{store}: variable lat has the codec 'pickle', which is not known to be safe; have whoever made the store "
        "write it with another, such as zstd"
    )
    assert sentence(store) == refused
    for command in (
        ["score", store, tmp_path / "out.nc"],
        ["outlook", store, "-o", tmp_path / "outlooks"],
        ["score", save(DATA, tmp_path / "good.nc"), tmp_path / "out.nc", "--baseline", store],
    ):
        options = [] if command[0] == "outlook" or "--baseline" not in command else ["--events", events(tmp_path)]
        assert sst.run([*map(str, (*command, *options, "--artifacts", seas))]) != 0
        assert "has the codec 'pickle'" in capsys.readouterr().err
    assert not made.exists()
    # The store would have done it.
    with suppress(Exception):
        opened(store)
    assert made.exists()


def events(folder: Path) -> Path:
    (folder / "events.json").write_text(json.dumps([{"name": "heatwave", "kind": "marine_heatwave"}]))
    return folder / "events.json"


def by_zmetadata(store: Path) -> None:
    content = json.loads((store / ".zmetadata").read_text())
    content["metadata"]["lat/.zarray"]["compressor"] = {"id": "pickle"}
    (store / ".zmetadata").write_text(json.dumps(content))


def by_consolidated_format_2(store: Path) -> None:
    """An array of format 2 in the consolidated metadata of format 3, whose name is that of attributes."""
    array = {"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "<f8", "order": "C", "fill_value": 0}
    nodes = {".zattrs": array | {"compressor": None, "filters": [{"id": "pickle"}]}}
    change(store / "zarr.json", consolidated_metadata={"kind": "inline", "must_understand": False, "metadata": nodes})


def by_nested_consolidated(store: Path) -> None:
    content = json.loads((store / "zarr.json").read_text())
    inside = {"metadata": {"deep": {"node_type": "array", "codecs": [{"name": "pickle"}]}}}
    content["consolidated_metadata"]["metadata"]["lat"]["consolidated_metadata"] = inside
    (store / "zarr.json").write_text(json.dumps(content))


def by_shard(store: Path) -> None:
    sharded = {"name": "sharding_indexed", "configuration": {"codecs": ["bytes", {"name": "numcodecs.pickle"}]}}
    change(store / "lat" / "zarr.json", codecs=[sharded])


def by_index_of_shard(store: Path) -> None:
    inner = {"name": "sharding_indexed", "configuration": {"codecs": ["bytes"], "index_codecs": ["imagecodecs_tiff"]}}
    outer = {"name": "sharding_indexed", "configuration": {"codecs": [inner], "index_codecs": ["bytes"]}}
    change(store / "lat" / "zarr.json", codecs=[outer])


def by_link(store: Path) -> None:
    """A variable in another folder, as an archive may bring along."""
    (store / "lat").rename(store.parent / "other")
    (store / "lat").symlink_to("../other")
    change(store / "lat" / "zarr.json", codecs=["pickle"])
    (store / "lat" / "round").symlink_to("..")


@pytest.mark.parametrize(
    ("version", "consolidated", "damage", "words"),
    [
        (2, False, lambda store: change(store / "sst/.zarray", compressor={"id": "msgpack2"}), "sst has the codec 'ms"),
        (2, False, lambda store: change(store / "sst/.zarray", filters=[{"id": "json2"}]), "sst has the codec 'json2'"),
        (2, False, lambda store: change(store / "sst/.zarray", filters=[{"id": ["zstd"]}]), "sst has the codec \"['zs"),
        (2, False, lambda store: change(store / "sst/.zarray", filters=[{}]), "sst has the codec '{}'"),
        (2, False, lambda store: change(store / "sst/.zarray", compressor={"id": "zstd", "name": "x"}), "codec 'x'"),
        (2, True, by_zmetadata, "variable lat has the codec 'pickle'"),
        (
            3,
            False,
            lambda store: change(store / "sst/zarr.json", codecs=["bytes", "pickle"]),
            "has the codec 'pickle'",
        ),
        (3, False, lambda store: change(store / "zarr.json", node_type="array", codecs=["x"]), "in.zarr has the codec"),
        (3, False, by_shard, "variable lat has the codec 'numcodecs.pickle'"),
        (3, False, by_index_of_shard, "variable lat has the codec 'imagecodecs_tiff'"),
        (3, False, by_consolidated_format_2, "variable .zattrs has the codec 'pickle'"),
        (3, True, by_nested_consolidated, "variable lat/deep has the codec 'pickle'"),
        (3, False, by_link, "variable lat has the codec 'pickle'"),
        (3, False, lambda store: (store / "lat/zarr.json").write_text("[" * 100_000), "cannot read it as Zarr"),
        (3, False, lambda store: (store / "lat/zarr.json").write_text("{"), "cannot read it as Zarr"),
    ],
)
def test_a_codec_that_is_not_known_is_refused_wherever_it_stands(
    tmp_path: Path, version: int, consolidated: bool, damage: Callable[[Path], object], words: str
) -> None:
    store = write(tmp_path, version, consolidated=consolidated)
    read(store, AT)
    damage(store)
    assert words in sentence(store)


def test_metadata_that_is_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    store = write(tmp_path, 3)
    (store / "lat" / "zarr.json").unlink()
    os.mkfifo(store / "lat" / "zarr.json")
    assert "zarr.json is not a file" in sentence(store)


def test_a_file_is_not_opened_as_a_store(tmp_path: Path) -> None:
    (tmp_path / "in.zarr").write_text("a store")
    with pytest.raises(FileError, match="is not a folder, as a Zarr store is"):
        read(tmp_path / "in.zarr", ReadingOptions(at=AT.at, format="zarr"))


@pytest.mark.parametrize(
    "encoding",
    [
        {"compressors": None},
        {"compressors": numcodecs.Blosc(cname="lz4", shuffle=numcodecs.Blosc.BITSHUFFLE)},
        {"compressors": numcodecs.Zlib(), "filters": [numcodecs.Delta("f8"), numcodecs.Shuffle(8)]},
        {"compressors": numcodecs.LZMA(), "filters": [numcodecs.FixedScaleOffset(0, 1000, "f8", "i4")]},
        {"compressors": numcodecs.BZ2(), "filters": [numcodecs.Quantize(5, "f8")]},
        {"compressors": numcodecs.Zstd(), "filters": [numcodecs.BitRound(40)]},
        {"compressors": numcodecs.GZip(), "filters": [numcodecs.AsType("f4", "f8")]},
    ],
)
def test_stores_of_format_2_with_usual_codecs_are_read(tmp_path: Path, encoding: dict[str, Any]) -> None:
    DATA.assign(name=("time", ["pier"] * 60)).to_zarr(
        tmp_path / "in.zarr", zarr_format=2, consolidated=True, encoding={"sst": encoding}
    )
    values = read(tmp_path / "in.zarr", AT).series.values
    np.testing.assert_allclose(values, DATA["sst"].sel(lat=-3, lon=201), atol=2e-3)


def test_stores_of_format_3_with_usual_codecs_are_read(tmp_path: Path) -> None:
    encoding = {
        "sst": {
            "chunks": (10, 3, 4),
            "shards": (60, 3, 4),
            "compressors": [BloscCodec(), Crc32cCodec()],
            "filters": [TransposeCodec(order=(2, 1, 0))],
        }
    }
    data = DATA.assign(name=("time", ["pier"] * 60)).assign_attrs(codecs=["of our own"], metadata={"a": "b"})
    data.to_zarr(tmp_path / "in.zarr", zarr_format=3, consolidated=True, encoding=encoding)
    values = read(tmp_path / "in.zarr", AT).series.values
    np.testing.assert_allclose(values, DATA["sst"].sel(lat=-3, lon=201), atol=1e-6)
