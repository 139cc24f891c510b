"""Simulated seas: a stochastic model of SST and of how it is observed, to train the universal networks on."""
