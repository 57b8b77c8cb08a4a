"""The parties outside, played on loopback."""
