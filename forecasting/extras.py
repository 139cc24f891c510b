"""Optional packages: which extra installs them, and one sentence where it is missing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from forecasting.errors import MissingExtraError

_REFUSED: Final = 2
_OWN_PACKAGES: Final = ("forecasting", "scoring", "service", "training")


def missing_extra(purpose: str, extra: str, missing: ModuleNotFoundError) -> str:
    """Return the sentence for a missing package: what needs it, the extra that installs it, and the command."""
    return f"{purpose} needs the extra `{extra}` (no package {missing.name!r}): pip install 'sst-forecasting[{extra}]'"


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Run imports that need the packages of ``extra``."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in _OWN_PACKAGES:
            raise
        raise MissingExtraError(missing_extra(purpose, extra, error), name=error.name) from None


@contextmanager
def exit_without_extra(extra: str, purpose: str) -> Iterator[None]:
    """Run imports that a program needs; without ``extra``, print the sentence and exit with status 2."""
    try:
        with needs_extra(extra, purpose):
            yield
    except MissingExtraError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_REFUSED)
