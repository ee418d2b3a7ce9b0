"""Put a release on the Hugging Face Hub, or make a folder for Zenodo."""
