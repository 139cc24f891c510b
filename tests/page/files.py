"""Files such as users drop on the page."""

from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Page

from tests.page.browser import Visit

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const target = document.querySelector(".drop");
  const options = {dataTransfer: data, bubbles: true, cancelable: true};
  for (const kind of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(kind, options));
}"""


def drop_file(visit: Visit, name: str, text: str) -> None:
    """Drop a file where a place is added, and wait for its page."""
    page = visit.page
    if urlsplit(page.url).path != "/add":
        page.get_by_role("navigation").get_by_role("link", name="Add a place").click()
    # The browser may still be asked for the file that it keeps.
    page.locator(".drop").wait_for()
    page.evaluate(DROP, [name, text])
    page.wait_for_url("**/place/file*")
    visit.settle()


def drop(visit: Visit, name: str, text: str) -> Page:
    """Open a file, without the options chosen for an earlier file."""
    visit.open("add")
    drop_file(visit, name, text)
    return visit.page


def open_options(page: Page) -> Page:
    """Show the options of the forecast."""
    page.locator("details.options:not([open]) > summary").click()
    return page


def dropped(visit: Visit, name: str, text: str, query: str = "") -> Page:
    """Open a file with these options."""
    visit.open(f"add?{query.lstrip('&')}")
    drop_file(visit, name, text)
    return visit.page


def monthly(n: int = 60, missing: int = 30) -> str:
    """A CSV of monthly values with one missing month."""
    rows = [
        f"{2001 + i // 12}-{i % 12 + 1:02}-01,{'' if i == missing else f'{24 + 2 * np.sin(i / 12 * 6.283):.2f}'}"
        for i in range(n)
    ]
    return "time,sst\n" + "\n".join(rows) + "\n"


def flagged() -> str:
    """The same with QARTOD flags: two failed values, one of them far off, and a suspect one."""
    head, *rows = monthly(missing=99).splitlines()
    rows[11] = rows[11].partition(",")[0] + ",99.9"
    flags = {10: 4, 11: 4, 20: 3}
    return "\n".join([head + ",sst_qc", *(f"{row},{flags.get(i, 1)}" for i, row in enumerate(rows))]) + "\n"


def daily(n: int, *, walk: bool = False, seed: int = 1) -> str:
    """A CSV of daily values up to 28 February 2022: a season with persistent weather, or a random walk."""
    random = np.random.default_rng(seed)
    times = np.datetime64("2022-03-01") - n + np.arange(n)
    steps = random.normal(0, 0.15, n)
    weather = np.zeros(n)
    for i in range(1, n):
        weather[i] = (1.0 if walk else 0.9) * weather[i - 1] + steps[i]
    season = 0.0 if walk else -3 * np.cos(2 * np.pi * (times - np.datetime64("2022-02-01")).astype(int) / 365.25)
    values = 18 + season + weather
    return "time,sst\n" + "".join(f"{time},{value:.2f}\n" for time, value in zip(times, values, strict=True))


def every_five_days(n: int) -> str:
    """A CSV of daily values that repeat every five days: a linear autoregression is almost exact."""
    times = np.datetime64("2022-03-01") - n + np.arange(n)
    values = 18 + 2 * np.sin(2 * np.pi * np.arange(n) / 5)
    return "time,sst\n" + "".join(f"{time},{value:.2f}\n" for time, value in zip(times, values, strict=True))


def without_unit(n: int) -> str:
    """A CSV of daily values in °F that does not say so."""
    head, *rows = daily(n).splitlines()
    return "\n".join([head, *(f"{time},{float(value) * 1.8 + 32:.1f}" for time, value in (r.split(",") for r in rows))])
