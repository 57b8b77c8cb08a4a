"""The few messages that the code for a platform sends directly.

All other messages are in the modules for replies, digests and notices.
"""

from bot.domain.text.catalog import Phrase

FAILED = Phrase("Sorry, something went wrong on our side. Please try again in a few minutes.")
SEND_AS_NEW = Phrase(
    "I only respond to commands in new messages without a picture or file. Send this as a new message: {command}"
)

# ── Telegram. `name` is the channel as typed, `bot` the bot's name there. ────────────────────────────────────────────

ADMINISTRATORS_ONLY = Phrase(
    "Only administrators can change what's sent here. Anyone can use /status, /list, /recent, /agency, /what and /help."
)
CHANNEL_HOW = Phrase(
    "To set up a channel, send its @name, or its number starting with -100, and then a command, as in "
    "/channel @your_channel watch TX"
)
CHANNEL_UNKNOWN = Phrase(
    "I can't find the channel {name}, or I'm not in it. Add @{bot} to the channel as an administrator who can post "
    "messages, then send its @name, or its number starting with -100."
)
CHANNEL_IS_OTHER = Phrase("{name} isn't a channel. In a group, administrators send commands in the group itself.")
CHANNEL_CLOSED = Phrase(
    "I can't post in {name}. Make @{bot} an administrator there with permission to post messages, then try again."
)
NO_BUTTONS_IN_CHANNELS = Phrase(
    "Buttons don't work in a channel. If you run this channel, open a private chat with @{bot} and send /channel, the "
    "channel's @name and the word settings."
)
CHANNEL_NOT_YOURS = Phrase("Only an administrator of {name} can set it up.")

TOPIC_CLOSED = Phrase("The topic for these alerts is closed, so they come here until it reopens.")
TOPIC_DELETED = Phrase(
    "The topic for these alerts was deleted, so they come here from now on. To stop them, send /stop."
)

# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SLACK_ADMINS_ONLY = Phrase(
    "Only an administrator of this workspace can change the settings. Anyone can use help, status, list, recent, "
    "agency and what."
)
SLACK_UNSURE = Phrase(
    "Slack didn't confirm in time that you're an administrator, so nothing changed. Please try again."
)
SLACK_CHANGED = Phrase("{who} changed this channel's settings:")
SLACK_INVITE = Phrase("Countersign isn't in this channel, so it can't post here. Type /invite {bot}")
SLACK_DIRECT = Phrase("These settings are for your direct messages with {bot}.")
SLACK_OPEN = Phrase("Open the settings in a form:")
SLACK_FILE_SENT = Phrase("The file is in your direct messages with me.")
SLACK_FILE_REFUSED = Phrase("Slack didn't accept the file. Please try again, or ask for it in a direct message to me.")
SLACK_REINSTALL = Phrase(
    "Countersign is no longer installed in this workspace. Ask an administrator to install it again."
)

SLACK_SAVE = Phrase("Save")
SLACK_CANCEL = Phrase("Cancel")
SLACK_WHERE = Phrase("Where to post")
SLACK_STATES = Phrase("States")
SLACK_ALL_STATES = Phrase("All states")
SLACK_CHOOSE = Phrase("Choose")
SLACK_NO_WHERE = Phrase("Choose a channel.")
SLACK_NO_STATES = Phrase("Choose at least one state.")
SLACK_NO_KINDS = Phrase("Choose at least one kind of change.")
SLACK_NO_ZONE = Phrase("Choose a time zone from the list.")
SLACK_NO_DAY = Phrase("Choose a day of the week.")
SLACK_NO_HOUR = Phrase("Choose a time of day.")

SLACK_HOME = Phrase("What this workspace gets")
SLACK_HOME_NONE = Phrase("Nothing yet. Open the settings, or type /countersign watch TX in a channel.")
SLACK_HOME_MORE = Phrase("… and {n} more")
SLACK_HOME_YOU = Phrase("You, by direct message")

# Reasons for a pause are stored with the subscription, so they stay in English, like a platform's own error messages.
SLACK_REMOVED = "Countersign was removed from this Slack channel; to bring it back, type /invite @Countersign there"
SLACK_ARCHIVED = "This Slack channel was archived"
SLACK_DELETED = "This Slack channel was deleted"
