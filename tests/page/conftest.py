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
    """Starts a visit, in a shared profile or a new one."""

    def __call__(
        self, at: str = ..., *, width: int = DESKTOP, scheme: Scheme = "light", new: bool = False
    ) -> Visit: ...


# Limited to this package: the event loop of playwright would interfere with other tests.
@pytest.fixture(scope="package")
def profiles() -> Iterator[Profiles]:
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is not installed; install it with: apt install chromium")
    # A browser may be slow on a busy machine, and no test here is about time.
    expect.set_options(timeout=90_000)
    with sync_playwright() as playwright:
        chromium = launch(playwright, path)
        yield Profiles(chromium)
        chromium.close()


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """A service with the shipped releases, which no test waits for in vain on a busy machine."""
    with serve(Settings(artifacts=ROOT / "artifacts", request_seconds=600)) as client:
        yield str(client.base_url).rstrip("/")


Shown = Callable[[str], Visit]


@pytest.fixture(scope="package")
def shared_views(profiles: Profiles, url: str) -> Iterator[Shown]:
    with ExitStack() as stack:

        @cache
        def open_once(query: str) -> Visit:
            view = stack.enter_context(visit(profiles.for_width(DESKTOP), url, DESKTOP, "light"))
            view.open(query)
            return view

        yield open_once


@pytest.fixture
def shown(shared_views: Shown) -> Iterator[Shown]:
    """Show a view that is loaded once, for tests that leave it unchanged or accept changes by others."""
    views: list[Visit] = []

    def show(query: str) -> Visit:
        views.append(shared_views(query))
        return views[-1]

    yield show
    for view in views:
        console_errors, view.console_errors = view.console_errors, []
        assert console_errors == []


@pytest.fixture
def visitor(profiles: Profiles, url: str) -> Iterator[Visitor]:
    """Start visits, and check at the end that none logged an error, such as a request to another host."""
    with ExitStack() as stack:
        visits: list[Visit] = []

        def start(at: str = url, *, width: int = DESKTOP, scheme: Scheme = "light", new: bool = False) -> Visit:
            profile = profiles.for_width(width)
            if new:
                profile = profiles.new()
                stack.callback(profile.close)
            visits.append(stack.enter_context(visit(profile, at, width, scheme)))
            return visits[-1]

        yield start
        for started in visits:
            assert started.console_errors == []
