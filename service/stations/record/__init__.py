"""What was forecast beside what came, and how good it was."""
