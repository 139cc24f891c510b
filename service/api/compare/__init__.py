"""`/compare`: how accurate the models are."""
