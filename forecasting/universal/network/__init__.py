"""Universal networks: their checkpoints, and one of them on a device."""
