"""The measurements behind the figures in the README and docs/, each one command."""
