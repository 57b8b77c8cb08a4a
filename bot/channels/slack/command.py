"""The slash command that people type in Slack. The app's manifest must have the same one."""

COMMAND = "/countersign"
