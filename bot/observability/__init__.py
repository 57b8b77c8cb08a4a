"""Logs, metrics, errors and health."""
