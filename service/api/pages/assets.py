"""Files that browsers load: the page's own, and browser libraries from Python packages.

The folder of each bundle is named after its content or version, so that browsers can cache its files forever.
"""

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

PAGE: Final = Path(__file__).parents[2] / "page"

_IMPORT: Final = re.compile(rb'^(?:import|export) [^"]*"\./([^"]+)";', re.MULTILINE)

_COMPRESSION_LEVEL: Final = 6
"""Level 9 takes a third longer for Swagger UI and saves 0.2 %."""


@dataclass(frozen=True)
class Asset:
    """A file, read and compressed on the first request, then kept in memory."""

    path: Path

    @property
    def media_type(self) -> str:
        """The media type of the file, by its suffix."""
        return MEDIA_TYPES[self.path.suffix]

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """The bytes of the file, compressed with gzip."""
        return gzip.compress(self.content, _COMPRESSION_LEVEL, mtime=0)


@dataclass(frozen=True)
class Bundle:
    """The files under one folder.

    Attributes:
        folder: the URL of the folder, such as ``/assets/flask-swagger-ui-5.32.2``.
        files: the files by their path in the folder.
    """

    folder: str
    files: Mapping[str, Asset]

    def modules_of(self, *names: str) -> list[str]:
        """Return the paths of some modules and of all modules that they import."""
        pending, modules = [f"modules/{name}.js" for name in names], dict[str, None]()
        while pending:
            path = pending.pop()
            if path not in modules:
                modules[path] = None
                pending += [f"modules/{name.decode()}" for name in _IMPORT.findall(self.files[path].content)]
        return sorted(modules)


@dataclass(frozen=True)
class Assets:
    """All files that the service provides to browsers.

    Attributes:
        page: the files of the page.
        swagger: Swagger UI; None if the package is not installed.
    """

    page: Bundle
    swagger: Bundle | None

    @classmethod
    def find(cls) -> "Assets":
        """Find the assets of the installed packages."""
        return cls(
            page=_page(),
            swagger=_from_package(
                "flask-swagger-ui", "flask_swagger_ui", "dist", ["swagger-ui-bundle.js", "swagger-ui.css"]
            ),
        )

    @cached_property
    def by_path(self) -> Mapping[str, Asset]:
        """Every file, by its URL path."""
        bundles = [bundle for bundle in (self.page, self.swagger) if bundle]
        return {f"{bundle.folder}/{name}": asset for bundle in bundles for name, asset in bundle.files.items()}


def _page() -> Bundle:
    paths = sorted(path for path in PAGE.rglob("*") if path.suffix in MEDIA_TYPES)
    files = {path.relative_to(PAGE).as_posix(): Asset(path) for path in paths}
    digest = sha256()
    for name, asset in files.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(asset.content)) + asset.content)
    return Bundle(f"/assets/page-{digest.hexdigest()[:12]}", files)


def _from_package(distribution: str, package: str, folder: str, names: Iterable[str]) -> Bundle | None:
    """Return the files ``names`` in a package's ``folder``, without importing the package; None if not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0]) / folder
    return Bundle(f"/assets/{distribution}-{version(distribution)}", {name: Asset(root / name) for name in names})
