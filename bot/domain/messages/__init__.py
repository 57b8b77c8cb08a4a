"""Digests, their pictures and health notices."""
