"""The commands that people type in a chat and that the operator types at a terminal."""
