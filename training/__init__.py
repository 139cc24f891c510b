"""Offline training: an SST series in, a release of checkpoints out."""
