"""Files such as users drop on the page."""

import numpy as np
from playwright.sync_api import Page

from tests.page.browser import Visit

_DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const target = document.querySelector(".drop");
  const options = {dataTransfer: data, bubbles: true, cancelable: true};
  for (const kind of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(kind, options));
}"""


def drop_file(visit: Visit, name: str, text: str) -> None:
    """Drop a file on the open view and wait for the result."""
    visit.page.evaluate(_DROP, [name, text])
    visit.settle()


def drop(visit: Visit, name: str, text: str) -> Page:
    """Open a file in the Your data view, without the options chosen for an earlier file."""
    visit.page.evaluate("history.replaceState(null, '', '/?view=data')")
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


def daily_with_gaps(n: int = 3_650) -> str:
    """A CSV of ten years of daily values, with three weeks missing in every two years."""
    random = np.random.default_rng(1)
    times = np.datetime64("2010-01-01") + np.arange(n)
    values = 22 + 3 * np.sin(2 * np.pi * np.arange(n) / 365.25) + random.normal(0, 0.3, n)
    gap = (np.arange(n) % 700) < 20
    rows = [
        f"{time},{'' if missing else f'{value:.2f}'}" for time, value, missing in zip(times, values, gap, strict=True)
    ]
    return "time,sst\n" + "\n".join(rows) + "\n"
