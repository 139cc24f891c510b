"""The commands of training: ``sst train``, ``fetch``, ``inspect`` and ``release``."""

from typing import Final

from forecasting.console import Program

TRAIN: Final = Program("train")
FETCH: Final = Program("fetch")
INSPECT: Final = Program("inspect")
RELEASE: Final = Program("release")
ROLLBACK: Final = Program("rollback")
