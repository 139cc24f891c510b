"""``python -m training release``: sign, verify, move and import releases; one module for each subcommand."""
