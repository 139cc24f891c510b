"""The words and tables of a release: its card, report and release notes."""
