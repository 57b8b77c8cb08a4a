"""Turns the settings into running objects and keeps them running. Only this package imports all the others."""
