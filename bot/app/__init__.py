"""Turns the settings into running objects and keeps them running: the only room that knows all the others."""
