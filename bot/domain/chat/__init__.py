"""Chat commands and replies."""
