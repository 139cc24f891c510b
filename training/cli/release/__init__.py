"""``python -m training release``: sign, verify and move releases; one module for each subcommand."""
