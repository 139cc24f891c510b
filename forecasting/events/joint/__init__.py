"""How the errors of several days go together: joint probabilities of runs of days."""
