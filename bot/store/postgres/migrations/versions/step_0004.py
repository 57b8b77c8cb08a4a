"""Let a filter name a type of agency in a place.

No table changes. An older program would ignore the entry and send the chat too little.
"""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change nothing: what an older version stored has no such entry."""
