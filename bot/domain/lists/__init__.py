"""ICE's lists: names, matching, reconciling, vetting."""
