"""The worker, which runs all due work concurrently."""
