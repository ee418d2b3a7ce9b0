"""Two releases: what differs, and which version number that deserves."""
