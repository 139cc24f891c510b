"""Files that browsers load: the page's own, and libraries for browsers that Python packages bring.

Each bundle's folder is named after what is in it, so that browsers may keep its files for good.
"""

import gzip
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

LIBRARY: Final = "plotly.min.js"
"""The file of the library that draws charts."""

PAGE: Final = Path(__file__).parents[2] / "page"

_LEVEL: Final = 6
"""Of compression: level 9 takes a third longer over plotly.js and saves 0.2 %."""


@dataclass(frozen=True)
class Asset:
    """One file, read and compressed when it is first asked for, and kept."""

    path: Path

    @property
    def media_type(self) -> str:
        """Media type of the file, by its ending."""
        return MEDIA_TYPES[self.path.suffix]

    @cached_property
    def content(self) -> bytes:
        """Bytes of the file."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """Bytes of the file, compressed by gzip."""
        return gzip.compress(self.content, _LEVEL, mtime=0)


@dataclass(frozen=True)
class Bundle:
    """Files under one folder.

    Attributes:
        folder: as ``/assets/plotly-7.1.0``.
        files: by their path below it.
    """

    folder: str
    files: Mapping[str, Asset]


@dataclass(frozen=True)
class Assets:
    """All that the service hands to browsers.

    Attributes:
        page: the page's own files.
        charts: plotly.js; None where the package is not installed.
        swagger: Swagger UI; None where the package is not installed.
    """

    page: Bundle
    charts: Bundle | None
    swagger: Bundle | None

    @classmethod
    def find(cls) -> "Assets":
        """The assets of the packages that are installed."""
        return cls(
            page=_own(),
            charts=_brought("plotly", "plotly", "package_data", [LIBRARY]),
            swagger=_brought(
                "flask-swagger-ui", "flask_swagger_ui", "dist", ["swagger-ui-bundle.js", "swagger-ui.css"]
            ),
        )

    @cached_property
    def by_path(self) -> Mapping[str, Asset]:
        """Every file, by the path that it is served at."""
        bundles = [bundle for bundle in (self.page, self.charts, self.swagger) if bundle]
        return {f"{one.folder}/{name}": asset for one in bundles for name, asset in one.files.items()}


def _own() -> Bundle:
    paths = sorted(path for path in PAGE.rglob("*") if path.suffix in MEDIA_TYPES)
    files = {path.relative_to(PAGE).as_posix(): Asset(path) for path in paths}
    digest = sha256()
    for name, asset in files.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(asset.content)) + asset.content)
    return Bundle(f"/assets/page-{digest.hexdigest()[:12]}", files)


def _brought(distribution: str, package: str, folder: str, names: Iterable[str]) -> Bundle | None:
    """The files ``names`` in a package's ``folder``; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0]) / folder
    return Bundle(f"/assets/{distribution}-{version(distribution)}", {name: Asset(root / name) for name in names})
