"""What people type, and the replies."""
