"""The reading of files as a plug-in."""

from typing import Final

from fastapi import FastAPI

from service.plugin import Plugin, Tag
from service.plugins.uploads.reading import FileReader
from service.plugins.uploads.routes import router


def _install(app: FastAPI) -> None:
    app.state.file_reader = FileReader()


PLUGIN: Final = Plugin(
    [router],
    tags=[Tag("series", "Turn a file into series, or get the recent values of a dataset.")],
    install=_install,
)
