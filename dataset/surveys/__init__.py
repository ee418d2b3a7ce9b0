"""Surveys as people add them: a skeleton of the files, and what a survey makes of a table."""
