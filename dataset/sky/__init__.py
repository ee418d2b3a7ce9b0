"""Positions, cross-match, close pairs: functions of their arguments alone."""
