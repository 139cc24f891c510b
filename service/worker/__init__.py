"""Where work runs: in threads and batches, with a fair share of places, memory and processor time for every caller."""
