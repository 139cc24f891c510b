"""``python -m training release``: sign and verify releases; one module for each subcommand."""
