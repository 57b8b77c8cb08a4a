"""Servers on 127.0.0.1 that play ICE, Telegram, Slack and a town. The tests' servers build on them and misbehave."""
