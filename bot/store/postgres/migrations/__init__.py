"""How the tables came to be, one file a step; `countersign migrate` runs those that a database has not seen."""
