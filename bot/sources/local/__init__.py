"""The local-government sources, one file per platform, and the modules they share."""
