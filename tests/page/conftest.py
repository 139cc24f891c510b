from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Protocol

import pytest
from playwright.sync_api import expect, sync_playwright

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import DESKTOP, Profiles, Scheme, Visit, find_chromium, launch, visit
from tests.serving import serve


class Visitor(Protocol):
    """Begins a visit, with a profile that others have used, or a new one."""

    def __call__(
        self, at: str = ..., *, width: int = DESKTOP, scheme: Scheme = "light", new: bool = False
    ) -> Visit: ...


# Until the folder's tests are done, and no longer: playwright's own event loop is in the way of other tests'.
@pytest.fixture(scope="package")
def profiles() -> Iterator[Profiles]:
    path = find_chromium()
    if path is None:
        pytest.skip("there is no Chromium to look at the page with: apt install chromium")
    # Nothing here is a test of time: a browser beside other work may be slow.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        chromium = launch(playwright, path)
        yield Profiles(chromium)
        chromium.close()


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """A service with the releases that ship."""
    with serve(Settings(artifacts=ROOT / "artifacts")) as client:
        yield str(client.base_url).rstrip("/")


Shown = Callable[[str], Visit]


@pytest.fixture(scope="package")
def kept(profiles: Profiles, url: str) -> Iterator[Shown]:
    with ExitStack() as stack:

        @cache
        def open_once(query: str) -> Visit:
            visited = stack.enter_context(visit(profiles.of(DESKTOP), url, DESKTOP, "light"))
            visited.open(query)
            return visited

        yield open_once


@pytest.fixture
def shown(kept: Shown) -> Iterator[Shown]:
    """A view that is loaded once, for tests that change nothing of it, or do not mind what others changed."""
    looked: list[Visit] = []

    def look(query: str) -> Visit:
        looked.append(kept(query))
        return looked[-1]

    yield look
    for one in looked:
        complaints, one.complaints = one.complaints, []
        assert complaints == []
        assert one.foreign == []


@pytest.fixture
def visitor(profiles: Profiles, url: str) -> Iterator[Visitor]:
    """Makes visits; at the end none of them may have heard a complaint or asked another host."""
    with ExitStack() as stack:
        visits: list[Visit] = []

        def begin(at: str = url, *, width: int = DESKTOP, scheme: Scheme = "light", new: bool = False) -> Visit:
            profile = profiles.of(width)
            if new:
                profile = profiles.new()
                stack.callback(profile.close)
            visits.append(stack.enter_context(visit(profile, at, width, scheme)))
            return visits[-1]

        yield begin
        for one in visits:
            assert one.complaints == []
            assert one.foreign == []
