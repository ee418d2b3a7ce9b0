"""Scores of forecasts that people already have."""
