"""Studies on real series: how good a choice is, beside its alternatives; one command each."""
