"""Series to learn from: made by a companion, or real ones."""
