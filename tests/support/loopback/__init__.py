"""Loopback servers that play ICE, the chat platforms and the local-government platforms."""
