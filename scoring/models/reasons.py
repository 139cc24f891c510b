"""Reasons why places have no forecast, counted by kind."""

import re
from typing import Final

_PARTICULAR: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*(?<![,:;.])")


def kind_of(sentence: str) -> str:
    """Return a sentence without its cells, numbers and names, so that equal kinds of errors can be counted."""
    return _PARTICULAR.sub("…", sentence)
