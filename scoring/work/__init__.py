"""The work of a run: its identity, its chunks, and the folder of their results."""
