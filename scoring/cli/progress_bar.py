"""A progress bar in the terminal."""

from typing import Any

from tqdm import tqdm


class ProgressBar:
    """A progress bar with rate and time left, shown if standard error is a terminal."""

    def __init__(self, unit: str, quiet: bool) -> None:
        self._unit = unit
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None

    def begin(self, total: int, done: int) -> None:
        """See :class:`scoring.run.Progress`."""
        self._bar = tqdm(total=total, initial=done, unit=f" {self._unit}", unit_scale=True, disable=self._quiet or None)

    def update(self, places: int) -> None:
        """See :class:`scoring.run.Progress`."""
        assert self._bar is not None
        self._bar.update(places)
        if self._bar.n >= (self._bar.total or 0):
            self._bar.close()
