"""The page, the guides and `/docs` as a plug-in."""

from typing import Final

from fastapi import FastAPI

from service.plugin import Plugin
from service.plugins.page import manual, pages
from service.plugins.page.assets import Assets


def _install(app: FastAPI) -> None:
    has_outlooks = "outlooks" in app.state.plugins and app.state.settings.outlooks is not None
    app.state.assets = Assets.find(has_outlooks=has_outlooks)
    pages.install_missing_page(app, app.state.assets)


PLUGIN: Final = Plugin(
    [pages.router, manual.router],
    requires=frozenset({"uploads", "stations"}),
    open_paths=pages.OPEN,
    checks_query=False,
    install=_install,
)
