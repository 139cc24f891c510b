"""``python -m training release``: sign, verify and import releases; one module for each subcommand."""
