"""Aligned columns of text."""

from collections.abc import Collection, Sequence


def aligned(lines: Sequence[Sequence[str]], left: Collection[str]) -> str:
    """Return ``lines``, of which the first has the headings, with aligned columns; those in ``left`` begin alike."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if heading in left else cell.rjust(width)
            for heading, cell, width in zip(lines[0], line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join(text) + "\n"
