"""``python -m tests.page.picture``: take the picture at the top of the README, with the shipped releases.

It shows home with real readings of ten places on the Croatian coast, from ``data/corpus``. They are those of the last
year with data, as if that year were this one.
"""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import pandas as pd
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import Visit, find_chromium, launch
from tests.serving import serve

PICTURE: Final = ROOT / "docs" / "page.png"

_CORPUS: Final = ROOT / "data" / "corpus"
_REGION: Final = "Adriatic"
_DAYS: Final = 150

_SIZE: Final = {"width": 1200, "height": 900}
_SCALE: Final = 1.2


def main() -> None:
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is not installed; install it with: apt install chromium fonts-inter")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        settings = Settings(artifacts=ROOT / "artifacts", store=SecretStr(f"sqlite:///{folder}/sst.db"))
        client = stack.enter_context(serve(settings))
        _add_stations(client)
        browser = launch(stack.enter_context(sync_playwright()), path)
        page = browser.new_page(viewport=_SIZE, device_scale_factor=_SCALE, color_scheme="light")  # type: ignore[arg-type]
        Visit(page, str(client.base_url).rstrip("/")).open()
        page.screenshot(path=PICTURE)
        browser.close()


def _add_stations(client: httpx.Client) -> None:
    places = pd.read_csv(_CORPUS / "places.csv").query("step == 'day' and region == @_REGION")
    days = pd.read_parquet(_CORPUS / "day.parquet", columns=["place", "time", "sst"])
    today = pd.Timestamp(datetime.now(UTC).date())
    for place in places.itertuples():
        sst = days[days["place"] == place.place].set_index("time")["sst"]
        end = max(today - pd.DateOffset(years=n) for n in range(50) if today - pd.DateOffset(years=n) <= sst.index[-1])
        shown = sst[end - timedelta(days=_DAYS) : end]
        name = str(place.place).partition("_")[2].replace("_", " ").title()
        station = f"/stations/{name.lower().replace(' ', '-')}"
        settings = {
            "name": name,
            "step": "day",
            "latitude": place.latitude,
            "longitude": place.longitude,
            "baseline": "position",
            "events": [{"name": "heatwave", "kind": "marine_heatwave"}, {"name": "Too cold to swim", "below": 13.0}],
        }
        client.put(station, json=settings).raise_for_status()
        readings = {
            "timestamps": [str((time + (today - end)).date()) for time in shown.index],
            "values": [round(float(value), 2) for value in shown],
        }
        client.post(f"{station}/observations", json=readings).raise_for_status()


if __name__ == "__main__":
    main()
