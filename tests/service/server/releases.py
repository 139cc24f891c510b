"""Damage to a release."""

from pathlib import Path


def spoil(release: Path) -> None:
    """Change one byte of the GRU; doing it twice restores the file."""
    checkpoint = release / "gru.pt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
