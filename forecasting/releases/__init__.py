"""Releases: reading them from the artifacts folder, verifying them, and loading their networks."""
