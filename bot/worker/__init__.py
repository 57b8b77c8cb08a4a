"""Runs what is due, side by side."""
