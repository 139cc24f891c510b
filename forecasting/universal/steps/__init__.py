"""Series at steps that no release has."""
