"""The local-government sources, one file for each platform, and the rooms they share."""
