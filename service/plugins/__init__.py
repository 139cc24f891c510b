"""The plug-ins of the service: what it can start without. Each is imported only if ``SST_PLUGINS`` chooses it."""

from collections.abc import Mapping
from typing import Final

PLUGINS: Final[Mapping[str, str]] = {
    "columns": "service.plugins.columns.plugin",
    "uploads": "service.plugins.uploads.plugin",
    "stations": "service.plugins.stations.plugin",
    "outlooks": "service.plugins.outlooks.plugin",
    "inference": "service.plugins.inference.plugin",
    "page": "service.plugins.page.plugin",
}
"""The module of each plug-in, whose ``PLUGIN`` is its :class:`~service.plugin.Plugin`.

To add one, add a line after those of the plug-ins that it requires.
"""
