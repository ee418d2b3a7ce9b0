"""The networks: architecture, losses, the trainer of all seeds at once, weights."""
