"""States and counties."""
