"""The database migrations, one file each. `countersign migrate` runs the pending ones.

The newest migration's number is also the format version of all the data in the database, because that number is all
that an older program checks before it starts. Add a migration whenever an older program would misread data that this
version writes, even if no table changes.
"""

FORMAT = "0004"  # the newest step
