"""ICE's lists: names, matching, reconciliation and vetting."""
