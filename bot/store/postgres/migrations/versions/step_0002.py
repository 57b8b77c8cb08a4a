"""Mark the database as unreadable for older programs.

Since this version, an agenda mention may have a related subject and a change may be of the kind `related`.
"""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change nothing in the tables. The new format version is enough to stop older programs."""
