"""Let a filter name a type of agency in a place.

No table changes. An older program would leave the entry out and tell the chat less than it asked for.
"""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change nothing: what an older version stored has no such entry."""
