"""Fuzz every command of `transferz`: hostile inputs, each with an oracle of what may come of it."""
