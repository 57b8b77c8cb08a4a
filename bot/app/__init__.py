"""The package that builds the program's objects from the settings and runs them. Only it imports all other packages."""
