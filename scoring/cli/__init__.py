"""The command line of batch scoring: options, start, and what the user sees."""
