"""Measurements: always a ratio to a baseline in the same run, never an absolute promise."""
