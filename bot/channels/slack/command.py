"""The slash command that people type in Slack. It must match the command in the app's manifest."""

COMMAND = "/countersign"
