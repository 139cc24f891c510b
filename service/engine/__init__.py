"""Series in, JSON out: parsing, batching, writing, and the releases that are served."""
