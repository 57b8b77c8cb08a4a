"""The steps that build the tables, one file each; `countersign migrate` runs the ones a database hasn't had yet.

The newest step's number is also the format version of everything in the database, because it is all that an older
program checks before it starts. Add a step whenever an older program would misread data that this one writes, even if
no table changes.
"""

FORMAT = "0002"  # the newest step
