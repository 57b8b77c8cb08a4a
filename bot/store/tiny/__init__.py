"""The embedded store, which keeps everything in one folder and has a single writer."""
