"""Servers on loopback that the project talks to, made small."""
