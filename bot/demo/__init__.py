"""A demonstration: the real program among a made-up ICE, Telegram and Slack on this machine."""
