"""Every metric, once: point, probability, bins, bootstrap, requirements."""
