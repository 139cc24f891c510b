"""`/compare`: how good the models are."""
