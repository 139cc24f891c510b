"""From files and servers to training examples: downloads, division into parts, panels, scaling, windows."""
