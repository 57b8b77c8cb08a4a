"""The slash command that people type on Slack, as in the app's manifest."""

COMMAND = "/countersign"
