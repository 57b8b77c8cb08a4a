"""U.S. states, counties and places."""
