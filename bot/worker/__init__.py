"""The worker: runs everything that is due, side by side."""
