"""Commands that people type, and the replies to them."""
