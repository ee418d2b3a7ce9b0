"""The networks: architecture, losses, the trainer of all seeds at once, weights."""

MODEL_FILE = "model.safetensors"
"""What the file of a trained model is called."""
