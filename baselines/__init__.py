"""The measuring: networks, their training, metrics of point forecasts."""
