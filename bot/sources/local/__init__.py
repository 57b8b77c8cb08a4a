"""Readers of local-government platforms."""
