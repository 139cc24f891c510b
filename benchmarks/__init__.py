"""The measurements behind the figures in the README and docs/, one command each."""
