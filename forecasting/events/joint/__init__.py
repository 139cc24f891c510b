"""How the errors of several days are related: joint probabilities of runs of days."""
