"""Digests, pictures and notices."""
