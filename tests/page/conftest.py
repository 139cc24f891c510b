from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import pytest
from playwright.sync_api import Browser, sync_playwright

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import Visit, find_chromium, launch, visit
from tests.serving import serve

Visitor = Callable[..., Visit]


# Until the folder's tests are done, and no longer: playwright's own event loop is in the way of other tests'.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("there is no Chromium to look at the page with: apt install chromium")
    with sync_playwright() as playwright:
        chromium = launch(playwright, path)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """A service with the releases that ship."""
    with serve(Settings(artifacts=ROOT / "artifacts")) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def visitor(browser: Browser, url: str) -> Iterator[Visitor]:
    """Makes visits; at the end none of them may have heard a complaint or asked another host."""
    with ExitStack() as stack:
        visits: list[Visit] = []

        def begin(at: str = url, **how: object) -> Visit:
            made: AbstractContextManager[Visit] = partial(visit, browser, at)(**how)  # type: ignore[arg-type]
            visits.append(stack.enter_context(made))
            return visits[-1]

        yield begin
        for one in visits:
            assert one.complaints == []
            assert one.foreign == []
