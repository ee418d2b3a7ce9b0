"""Hashes of ids, and the splits made of them: functions of their arguments alone."""
