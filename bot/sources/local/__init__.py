"""The sources for local governments, with one file per platform, and the modules that they share."""
