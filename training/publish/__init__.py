"""From fitted networks to a release on disk."""
