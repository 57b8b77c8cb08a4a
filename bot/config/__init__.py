"""Settings and the catalog of local sources."""
