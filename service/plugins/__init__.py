"""The plug-ins of the service: what it can start without. Each is imported only if ``SST_PLUGINS`` chooses it."""

from collections.abc import Mapping
from typing import Final

PLUGINS: Final[Mapping[str, str]] = {
    "inference": "service.plugins.inference.plugin",
}
"""The module of each plug-in, whose ``PLUGIN`` is its :class:`~service.plugin.Plugin`. To add one, add a line."""
