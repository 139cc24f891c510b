"""``/outlooks``: the newest outlook, its rasters, and the forecast of a cell, from a folder of ``sst outlook``."""

import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest
import xarray as xr
from PIL import Image
from pydantic import SecretStr

from service.client import Client, ProblemError
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.processes import Service, running, wait_until
from tests.scoring.grids.sample import opened
from tests.scoring.outlook.sample import COLUMNS, ISLAND, grid, outlook, saved
from tests.serving import serve

DAY = "2024-02-29"
LATEST = "/outlooks/latest"
AT = {"latitude": -2.2, "longitude": 177.3}
"""In the cell at 2° S, 177° E: row 2, column 1."""
ROW, COLUMN = 2, 1


@pytest.fixture(scope="module")
def shown(seas: Path, outlooks: Path) -> Iterator[httpx.Client]:
    """A service with outlooks, for tests that only look."""
    with serve(Settings(artifacts=seas, outlooks=outlooks)) as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the outlooks are that tests change."""
    return tmp_path_factory.mktemp("changing") / "outlooks"


@pytest.fixture(scope="module")
def changing(seas: Path, folder: Path) -> Iterator[httpx.Client]:
    """A service with outlooks that change: those of another test, then other ones in the same place."""
    with serve(Settings(artifacts=seas, outlooks=folder)) as client:
        yield client


@pytest.fixture
def copied(outlooks: Path, folder: Path) -> Path:
    """A folder of the same outlooks to change."""
    return replace(folder, outlooks)


def replace(folder: Path, outlooks: Path) -> Path:
    """Replace the folder, and all that a test left beside it, by a copy of these outlooks."""
    shutil.rmtree(folder.parent)
    return Path(shutil.copytree(outlooks, folder, symlinks=True))


@pytest.fixture(scope="module")
def expected(outlooks: Path) -> xr.Dataset:
    return opened(outlooks / "latest" / "outlook.nc")


def test_the_newest_outlook_says_what_it_shows(shown: httpx.Client, outlooks: Path) -> None:
    body = shown.get(LATEST).raise_for_status().json()
    assert (body["id"], body["issued"]) == (DAY, "2024-02-29T00:00:00Z")
    assert body["days"] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert body["bounds"] == {"west": 175.5, "south": -4.5, "east": 183.5, "north": -0.5}
    assert (body["usual"]["years"], body["usual"]["source"]) == ([2010, 2020], "position")
    assert body["usual"]["text"] in body["caption"][1]
    assert [warning["code"] for warning in body["warnings"]] == ["coarse_baseline"]
    assert body["model"].startswith("ocean-daily-")
    names = [layer["name"] for layer in body["layers"]]
    assert names == ["anomaly", *(f"{e}-{k}" for e in ("heatwave", "cold-spell") for k in ("category", "probability"))]
    scale = body["layers"][0]["scale"]
    assert len(scale["colours"]) == len(scale["edges"]) + 1
    assert scale["unit"] == "°C from usual"
    assert body["layers"][1]["scale"]["of_categories"]
    assert [raster["day"] for raster in body["layers"][0]["rasters"]] == body["days"]
    described = json.loads((outlooks / DAY / "outlook.json").read_text())
    for layer in body["layers"]:
        words = [picture["text"] for picture in described["layers"][layer["name"]]]
        assert [raster["text"] for raster in layer["rasters"]] == words


def test_every_raster_is_a_small_picture_that_is_sent_once(shown: httpx.Client) -> None:
    body = shown.get(LATEST).json()
    for layer in body["layers"]:
        for raster in layer["rasters"]:
            response = shown.get(raster["href"]).raise_for_status()
            assert response.headers["content-type"] == "image/png"
            assert Image.open(io.BytesIO(response.content)).size == (COLUMNS, 4)
    assert response.headers["cache-control"] == "max-age=14400"
    again = shown.get(raster["href"], headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", response.headers["etag"])
    newest = shown.get(f"{LATEST}/{layer['name']}/3.png")
    assert (newest.content, newest.headers["cache-control"]) == (response.content, "no-cache")
    described = shown.get(LATEST)
    assert described.headers["cache-control"] == "no-cache"
    assert shown.get(LATEST, headers={"If-None-Match": described.headers["etag"]}).status_code == 304


def test_the_forecast_of_a_cell_is_that_of_the_file(shown: httpx.Client, expected: xr.Dataset) -> None:
    body = shown.get(f"{LATEST}/point", params=AT).raise_for_status().json()
    cell = expected.isel(lat=ROW, lon=COLUMN)
    assert (body["latitude"], body["longitude"]) == (-2.0, 177.0)
    assert (body["outlook"], body["units"], body["step"]) == (DAY, "celsius", "day")
    assert body["timestamps"] == [f"2024-03-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert [interval["level"] for interval in body["intervals"]] == [80, 95]
    found = {"sst": body["sst"], "anomaly": body["anomaly"], **body["baselines"]}
    for interval in body["intervals"]:
        found |= {f"{side}_{interval['level']}": interval[side] for side in ("lower", "upper")}
    heatwave, cold_spell = body["events"]
    for name in ("probability", "climatology", "threshold", "intensity", "days"):
        found[f"event_heatwave_{name}"] = heatwave[name]
    found |= {f"event_heat_stress_{name}": body["heat_stress"][name] for name in ("mmm", "now", "lower", "median")}
    for name, values in found.items():
        np.testing.assert_allclose(values, cell[name].astype(float), atol=1e-3, err_msg=name)
    assert set(body["baselines"]) == {"persistence", "climatology", "damped", "linear", "usual_change"}
    assert (heatwave["kind"], heatwave["state"]) == ("marine_heatwave", "active")
    assert heatwave["likely_category"] == ["moderate"] * 3
    assert (cold_spell["kind"], cold_spell["state"], cold_spell["ends_within"]) == (
        "marine_cold_spell",
        "no_event",
        [None] * 3,
    )
    assert body["heat_stress"]["likely_alert"][0].startswith("alert_level")
    assert body["quality"] in ("suspect", "good", "not_evaluated")


def test_a_cell_is_summarized_as_its_series_is(shown: httpx.Client) -> None:
    body = shown.get(f"{LATEST}/point", params=AT).raise_for_status().json()
    kinds = ("marine_heatwave", "marine_cold_spell", "degree_heating_weeks")
    values = [round(float(value), 6) for value in grid()["sst"].values[:, ROW, COLUMN]]
    series = {"start": "2024-01-01", "step": "day", "values": values, "latitude": -2.0, "longitude": 177.0}
    events = [{"name": kind, "kind": kind} for kind in kinds]
    asked = {"events": events, "horizon": 3, "series": [series | {"baseline": "position"}]}
    (said,) = shown.post("/summary", json=asked).raise_for_status().json()["summaries"]
    told = body["summary"]
    assert told["newest"]["sst"] == pytest.approx(said["newest"]["sst"], abs=1e-4)
    # The outlook's is that of the day of a leap year, the forecast's that of the time.
    assert told["usual"].pop("sst") == pytest.approx(said["usual"].pop("sst"), abs=0.03)
    assert told["anomaly"] == pytest.approx(told["newest"]["sst"] - body["events"][0]["climatology"][0], abs=0.1)
    for name in ("usual", "verdict", "attention", "sentence", "next"):
        assert told[name] == said[name]
    for ours, theirs in zip(told["events"], said["events"], strict=True):
        assert ours | {"probability": None} == theirs | {"probability": None}


def test_a_cell_without_a_baseline_is_summarized_without_what_is_usual(copied: Path, changing: httpx.Client) -> None:
    def without(data: xr.Dataset) -> xr.Dataset:
        names = [f"event_{event}_{name}" for event in ("heatwave", "cold_spell") for name in ("state", "intensity")]
        return data.assign(
            {name: data[name] * 0 - 1 if name.endswith("state") else data[name] * np.nan for name in names}
        )

    regrid(copied / DAY, without)
    told = changing.get(f"{LATEST}/point", params=AT).raise_for_status().json()["summary"]
    assert (told["usual"], told["anomaly"], told["verdict"]) == (None, None, "limit")
    assert told["events"][0]["sentence"] == "Marine heatwave: unknown, the cell has no baseline"


def test_the_client_returns_the_forecast_of_a_cell_as_a_table(shown: httpx.Client) -> None:
    body = shown.get(f"{LATEST}/point", params=AT).json()
    with Client(str(shown.base_url), timeout=600) as client:
        table = client.outlook_point(AT["latitude"], AT["longitude"])
        with pytest.raises(ProblemError, match="does not cover this position"):
            client.outlook_point(50, 10, outlook=DAY)
    assert table["sst"].tolist() == body["sst"]
    assert table["upper_80"].tolist() == body["intervals"][0]["upper"]
    assert table["marine_heatwave_likely_category"].tolist() == ["moderate"] * 3
    assert table["damped"].tolist() == body["baselines"]["damped"]
    assert [time.isoformat() for time in table.index] == [f"2024-03-0{day}T00:00:00+00:00" for day in (1, 2, 3)]


@pytest.mark.parametrize(
    ("longitude", "centre"),
    [(179.6, 180.0 - 360), (-177.4, -177.0), (182.6, -177.0), (183.49, -177.0), (175.51, 176.0), (-184.4 + 360, 176.0)],
)
def test_the_nearest_cell_is_found_across_the_date_line(shown: httpx.Client, longitude: float, centre: float) -> None:
    response = shown.get(f"{LATEST}/point", params=AT | {"longitude": longitude})
    assert response.raise_for_status().json()["longitude"] == centre


@pytest.mark.parametrize(
    ("position", "status", "words"),
    [
        ({"longitude": 176.0 + ISLAND}, 404, "has no forecast at -2 °N, 179 °E: it is land, ice"),
        ({"longitude": 175.4}, 404, "choose one from -4.5 to -0.5 °N and from 175.5 to 183.5 °E"),
        ({"longitude": -176.4}, 404, "does not cover this position"),
        ({"latitude": -0.4}, 404, "does not cover this position"),
        ({"latitude": 91}, 422, "latitude"),
        ({"longitude": "nan"}, 422, "longitude"),
        ({"latitude": None}, 422, "latitude"),
    ],
)
def test_where_there_is_no_forecast_the_service_says_why(
    shown: httpx.Client, position: dict[str, float], status: int, words: str
) -> None:
    given = {name: value for name, value in (AT | position).items() if value is not None}
    response = shown.get(f"{LATEST}/point", params=given)
    assert response.status_code == status
    assert words in response.json()["detail"]


@pytest.fixture(scope="module")
def stores(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of an outlook that is a Zarr store."""
    folder = tmp_path_factory.mktemp("stores")
    made = outlook(saved(folder, name="in.zarr"), "-o", folder / "out", "--artifacts", seas, "--horizon", 3)
    assert made == 0
    assert (folder / "out" / DAY / "outlook.zarr").is_dir()
    return folder / "out"


def test_a_zarr_store_gives_the_same_forecast(shown: httpx.Client, seas: Path, stores: Path) -> None:
    with serve(Settings(artifacts=seas, outlooks=stores)) as client:
        ours, theirs = (service.get(f"{LATEST}/point", params=AT).json() for service in (client, shown))
    for name in ("sst", "anomaly"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-3)
    assert ours["events"][0]["likely_category"] == theirs["events"][0]["likely_category"]


def test_without_outlooks_the_service_says_what_to_do(client: httpx.Client, seas: Path, tmp_path: Path) -> None:
    for path in (LATEST, f"{LATEST}/point?latitude=1&longitude=1", f"{LATEST}/anomaly/1.png"):
        response = client.get(path)
        assert response.status_code == 404
        assert "sst outlook GRID -o FOLDER, set SST_OUTLOOKS=FOLDER" in response.json()["detail"]
    for folder in (tmp_path, tmp_path / "to be mounted"):
        with serve(Settings(artifacts=seas, outlooks=folder)) as empty:
            response = empty.get(LATEST)
        assert response.status_code == 404
        assert "there is no outlook yet" in response.json()["detail"]


def test_a_new_night_is_shown_without_a_restart(
    copied: Path, seas: Path, changing: httpx.Client, tmp_path: Path
) -> None:
    assert changing.get(LATEST).json()["id"] == DAY
    tonight = saved(tmp_path, grid(days=61))
    assert outlook(tonight, "-o", copied, "--artifacts", seas, "--horizon", 1) == 0
    body = changing.get(LATEST).json()
    assert (body["id"], body["days"]) == ("2024-03-01", ["2024-03-02"])
    assert changing.get(f"{LATEST}/point", params=AT).json()["outlook"] == "2024-03-01"
    before = changing.get(f"/outlooks/{DAY}").raise_for_status().json()
    assert (before["id"], len(before["days"])) == (DAY, 3)


def cut(path: Path) -> None:
    """Replace a file by a part of it, as a copy that was cut short does."""
    part = path.with_suffix(".part")
    part.write_bytes(path.read_bytes()[:-20])
    part.replace(path)


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def change(path: Path, how: Callable[[Any], object]) -> None:
    known = json.loads(path.read_text())
    how(known)
    path.write_text(json.dumps(known))


def link(path: Path) -> None:
    """Move something out of its folder, and link to it."""
    away = path.rename(path.parents[1 + (path.suffix == ".png")] / f"away{path.suffix}")
    path.symlink_to(away)


def pipe(path: Path) -> None:
    """Replace a file by a pipe, whose reader waits for a writer."""
    path.unlink()
    os.mkfifo(path)


def link_outlook(outlook: Path) -> None:
    """Move an outlook out of the folder of outlooks, and link to it."""
    outlook.symlink_to(outlook.rename(outlook.parents[1] / "away"))


def regrid(folder: Path, how: Callable[[xr.Dataset], xr.Dataset]) -> None:
    data = opened(folder / "outlook.nc")
    (folder / "outlook.nc").unlink()
    how(data).to_netcdf(folder / "outlook.nc", engine="h5netcdf")


def external(folder: Path) -> None:
    """Leave the temperatures in a file outside of the outlook."""
    away = shutil.copy(folder / "outlook.nc", folder.parent / "away.nc")
    (folder / "outlook.nc").rename(folder / "old")
    with h5py.File(folder / "old", "a") as file:
        del file["sst"]
        file["sst"] = h5py.ExternalLink(away, "/sst")
    (folder / "old").rename(folder / "outlook.nc")


@pytest.mark.parametrize(
    "damage",
    [
        lambda outlook: cut(outlook / "outlook.json"),
        lambda outlook: cut(outlook / "outlook.nc"),
        lambda outlook: cut(outlook / "rasters" / "anomaly-3.png"),
        lambda outlook: (outlook / "rasters" / "heatwave-category-1.png").unlink(),
        lambda outlook: (outlook / "outlook.nc").unlink(),
        lambda outlook: (outlook / "outlook.json").unlink(),
        lambda outlook: shutil.rmtree(outlook),
        lambda outlook: rewrite(outlook / "outlook.json", "rasters/anomaly-1.png", "rasters/../maps/anomaly-1.png"),
        lambda outlook: rewrite(outlook / "outlook.json", '"lead": 3', '"lead": 4'),
        lambda outlook: rewrite(outlook / "outlook.json", '"outlook.nc"', '"/etc/passwd"'),
        lambda outlook: rewrite(outlook / "outlook.json", '"2024-03-03"', '"2024-03-04"'),
        lambda outlook: change(outlook / "outlook.json", lambda known: known["titles"].clear()),
        lambda outlook: change(outlook / "outlook.json", lambda known: known["scales"].popitem()),
        lambda outlook: change(outlook / "outlook.json", lambda known: known["layers"].clear()),
        lambda outlook: change(outlook / "outlook.json", lambda known: known.update(bounds=[np.nan, -4.5, 183.5, 0])),
        lambda outlook: change(
            outlook / "outlook.json", lambda known: known["scales"]["anomaly"]["colours"].append([0, 0, 256])
        ),
        lambda outlook: change(
            outlook / "outlook.json", lambda known: known["layers"].update({"../x": known["layers"]["anomaly"]})
        ),
        lambda outlook: (outlook / "outlook.json").write_text("[" * 100_000),
        lambda outlook: (outlook / "outlook.json").write_text(" " * (8 << 20) + (outlook / "outlook.json").read_text()),
        lambda outlook: link(outlook / "outlook.json"),
        lambda outlook: link(outlook / "outlook.nc"),
        lambda outlook: link(outlook / "rasters"),
        lambda outlook: link(outlook / "rasters" / "anomaly-1.png"),
        link_outlook,
        lambda outlook: pipe(outlook / "outlook.json"),
        lambda outlook: pipe(outlook / "outlook.nc"),
        lambda outlook: pipe(outlook / "rasters" / "anomaly-1.png"),
        lambda outlook: regrid(outlook, lambda data: data.assign_coords(lat=data["lat"] * np.nan)),
        lambda outlook: regrid(outlook, lambda data: data.drop_vars("sst")),
        lambda outlook: regrid(outlook, lambda data: data.drop_vars("lon")),
        external,
    ],
    ids=[
        "description",
        "file",
        "raster",
        "no raster",
        "no file",
        "undescribed",
        "gone",
        "outside",
        "leads",
        "other",
        "other days",
        "no title",
        "no scale",
        "no layers",
        "no edge",
        "no colour",
        "no name",
        "deep",
        "long",
        "linked description",
        "linked file",
        "linked rasters",
        "linked raster",
        "linked outlook",
        "piped description",
        "piped file",
        "piped raster",
        "nowhere",
        "no sst",
        "no longitudes",
        "external",
    ],
)
def test_a_damaged_outlook_is_not_served_but_the_one_before_it(
    copied: Path, changing: httpx.Client, damage: Callable[[Path], object]
) -> None:
    newest = copied / "2024-03-09-2"
    shutil.copytree(copied / DAY, newest)
    shutil.copytree(copied / DAY, copied / "2024-03-09")
    (copied / "latest").unlink()
    (copied / "latest").symlink_to(newest.name)
    assert changing.get(LATEST).json()["id"] == "2024-03-09-2"
    damage(newest)
    body = changing.get(LATEST).raise_for_status().json()
    assert body["id"] == "2024-03-09"
    assert changing.get(f"{LATEST}/point", params=AT).json()["outlook"] == "2024-03-09"
    assert changing.get("/outlooks/2024-03-09-2").status_code == 404
    *_, warning = body["warnings"]
    assert warning["code"] == "damaged_outlook"
    assert "2024-03-09-2 is damaged" in warning["message"]


def link_variable(store: Path) -> None:
    (store / "sst").symlink_to((store / "sst").rename(store.parents[2] / "sst"))


def link_chunk(store: Path) -> None:
    chunk = next(path for path in (store / "sst" / "c").rglob("*") if path.is_file())
    chunk.symlink_to(chunk.rename(store.parents[2] / "chunk"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (link_variable, "sst is a link or no file"),
        (link_chunk, "is a link or no file"),
        (lambda store: pipe(store / "lat" / "zarr.json"), "lat/zarr.json is a link or no file"),
        (lambda store: os.mkfifo(store / "sst" / "c" / "pipe"), "sst/c/pipe is a link or no file"),
        (lambda store: change(store / "lat" / "zarr.json", lambda known: known.update(codecs=["pickle"])),
         "variable lat has the codec 'pickle'"),
        (lambda store: store.symlink_to(store.rename(store.parents[2] / "away.zarr")), "outlook.zarr"),
    ],
    ids=["linked variable", "linked chunk", "piped metadata", "pipe", "pickled", "linked store"],
)  # fmt: skip
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "read before"])
def test_a_store_that_leads_elsewhere_is_not_read(
    changing: httpx.Client,
    folder: Path,
    stores: Path,
    damage: Callable[[Path], object],
    reason: str,
    is_known: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    replace(folder, stores)
    if is_known:
        changing.get(f"{LATEST}/point", params=AT).raise_for_status()
    damage(folder / DAY / "outlook.zarr")
    response = changing.get(f"{LATEST}/point", params=AT)
    assert response.status_code == 404
    assert reason in caplog.text


@pytest.mark.parametrize("leads_to", ["../away", "/", "latest", "in.nc"])
def test_the_link_to_the_newest_leads_nowhere_else(copied: Path, changing: httpx.Client, leads_to: str) -> None:
    shutil.copytree(copied / DAY, copied.parent / "away")
    (copied / "latest").unlink()
    (copied / "latest").symlink_to(leads_to)
    assert changing.get(LATEST).json()["id"] == DAY


def test_the_folder_of_outlooks_may_be_a_link(copied: Path, seas: Path) -> None:
    (copied.parent / "mounted").symlink_to(copied)
    with serve(Settings(artifacts=seas, outlooks=copied.parent / "mounted")) as client:
        client.get(f"{LATEST}/point", params=AT).raise_for_status()


@pytest.mark.parametrize("damage", [link, pipe])
def test_a_raster_that_is_replaced_after_it_was_shown_is_not_followed(
    copied: Path, changing: httpx.Client, damage: Callable[[Path], object]
) -> None:
    raster = f"/outlooks/{DAY}/anomaly/1.png"
    changing.get(raster).raise_for_status()
    damage(copied / DAY / "rasters" / "anomaly-1.png")
    assert changing.get(raster).status_code == 404


def test_a_file_that_is_changed_where_it_is_cannot_lead_elsewhere(copied: Path, changing: httpx.Client) -> None:
    changing.get(f"{LATEST}/point", params=AT).raise_for_status()
    away = shutil.copy(copied / DAY / "outlook.nc", copied.parent / "away.nc")
    with h5py.File(copied / DAY / "outlook.nc", "a") as file:
        del file["sst"]
        file["sst"] = h5py.ExternalLink(away, "/sst")
    assert changing.get(f"{LATEST}/point", params=AT).status_code == 404


def readers(service: Service) -> list[int]:
    """The processes of a service that read outlooks."""
    known = Path(f"/proc/{service.process.pid}/task").glob("*/children")
    pids = [int(pid) for children in known for pid in children.read_text().split()]
    return [pid for pid in pids if b"service.plugins.outlooks" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.long
def test_a_disk_that_hangs_holds_up_neither_other_requests_nor_the_end(copied: Path, seas: Path) -> None:
    with (
        running(seas, outlooks=copied, drain_seconds=60, request_seconds=30) as service,
        httpx.Client(base_url=service.url, timeout=600) as client,
        ThreadPoolExecutor() as pool,
    ):
        # A process may take longer to start than a request waits.
        wait_until(lambda: client.get(LATEST).is_success, "no process answers")
        (first,) = readers(service)
        # As one whose disk hangs, it neither answers nor ends.
        os.kill(first, signal.SIGSTOP)
        waited = client.get(f"{LATEST}/point", params=AT)
        wait_until(lambda: client.get(LATEST).is_success, "no other process answers")
        (second,) = {*readers(service)} - {first}
        os.kill(second, signal.SIGSTOP)
        more = [pool.submit(client.get, path) for path in (LATEST, f"{LATEST}/anomaly/1.png", f"/outlooks/{DAY}")]
        for _ in range(20):
            client.get("/models").raise_for_status()
            client.get("/health/ready").raise_for_status()
        for response in [waited, *(each.result() for each in more)]:
            assert (response.status_code, response.headers.get("retry-after")) == (503, "10")
            assert response.json()["detail"].startswith("the outlooks cannot be read at the moment")
        service.wait_for("the folder of outlooks did not answer within 10 s", times=4)
        last = pool.submit(httpx.get, f"{service.url}{LATEST}", timeout=600)
        service.process.terminate()
        assert service.process.wait() == 0
        with suppress(httpx.TransportError):  # it may have come too late
            assert last.result().status_code == 503
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (first, second)), "a process is left")


@pytest.mark.long
def test_a_process_that_is_ended_is_replaced(copied: Path, seas: Path) -> None:
    with running(seas, outlooks=copied) as service, httpx.Client(base_url=service.url, timeout=600) as client:
        client.get(LATEST).raise_for_status()
        (pid,) = readers(service)
        os.kill(pid, signal.SIGKILL)
        client.get(f"{LATEST}/point", params=AT).raise_for_status()


@pytest.mark.parametrize(
    "path",
    ["/outlooks/%2e%2e/anomaly/1.png", "/outlooks/2024-02-29%2f../anomaly/1.png", "/outlooks/in.nc",
     "/outlooks/latest/..%2fmaps%2fanomaly-1/1.png", "/outlooks/latest/rasters/1.png", "/outlooks/latest/anomaly/4.png",
     "/outlooks/latest/anomaly/0.png", "/outlooks/latest/anomaly/x.png", "/outlooks/2024-02-28", "/outlooks/.downloads",
     "/outlooks/latest/outlook.json", "/outlooks/latest/index.html"],
)  # fmt: skip
def test_nothing_else_of_the_disk_is_served(shown: httpx.Client, path: str) -> None:
    response = shown.send(shown.build_request("GET", httpx.URL(str(shown.base_url).rstrip("/") + path)))
    assert response.status_code in (404, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_layer_names_those_there_are(shown: httpx.Client) -> None:
    detail = shown.get(f"{LATEST}/ice/1.png").json()["detail"]
    assert "the layers anomaly, heatwave-category" in detail
    assert "days 1 to 3" in detail


def test_outlooks_need_a_key_where_forecasts_do(outlooks: Path, seas: Path) -> None:
    text, key = new_key("harbour", Role.FORECAST)
    settings = Settings(artifacts=seas, outlooks=outlooks, keys=SecretStr(key.line), allow_anonymous=False)
    with serve(settings) as client:
        raster = f"/outlooks/{DAY}/anomaly/1.png"
        for path in (LATEST, raster, f"{LATEST}/point?latitude=-2&longitude=177"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": f"Bearer {text}"}).is_success


def test_a_cell_without_bounds_is_damaged(copied: Path, changing: httpx.Client) -> None:
    regrid(copied / DAY, lambda data: data.assign(lower_80=data["lower_80"] * np.nan))
    response = changing.get(f"{LATEST}/point", params=AT)
    assert (response.status_code, response.json()["detail"].partition(";")[0]) == (
        404,
        "the forecasts of this outlook are damaged",
    )


def test_an_outlook_that_is_replaced_by_one_of_the_same_times_is_read_again(
    copied: Path, changing: httpx.Client
) -> None:
    before = changing.get(LATEST).json()
    description = copied / DAY / "outlook.json"
    times = description.stat()
    change(description, lambda known: known.update(title="Another"))
    os.utime(description, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changing.get(LATEST).json() == before | {"title": "Another"}


def test_maps_need_no_extra_but_forecasts_of_cells_do(
    copied: Path, seas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What an import finds where it is not installed, also in other processes.
    (tmp_path / "xarray.py").write_text("raise ModuleNotFoundError(name='xarray')")
    monkeypatch.syspath_prepend(tmp_path)
    with serve(Settings(artifacts=seas, outlooks=copied)) as client:
        assert client.get(f"{LATEST}/anomaly/1.png").is_success
        response = client.get(f"{LATEST}/point", params=AT)
        assert response.status_code == 501
        assert "grids" in response.json()["detail"]


def test_a_folder_that_cannot_be_read_is_a_sentence(seas: Path, tmp_path: Path) -> None:
    with serve(Settings(artifacts=seas, outlooks=tmp_path / ("long" * 100))) as client:
        response = client.get(LATEST)
    assert response.status_code == 404
    assert "the service cannot read the folder of SST_OUTLOOKS" in response.json()["detail"]
