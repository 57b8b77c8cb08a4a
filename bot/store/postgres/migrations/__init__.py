"""The steps that made the tables, one file each; `countersign migrate` runs those a database hasn't seen.

The newest step is also the version of everything in the database, because an older program looks at nothing else before
it starts. Add a step whenever such a program would misread what this one writes, even if no table changes.
"""

FORMAT = "0001"  # the newest step
