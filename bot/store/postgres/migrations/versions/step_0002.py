"""Agenda mentions may have a related subject, and changes the kind `related`: older programs can't read those."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change no table; the step's number keeps older programs away."""
