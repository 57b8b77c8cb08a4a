"""The commands: what people type in a chat and what the operator types at a terminal."""
