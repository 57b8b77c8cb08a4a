"""Logs, metrics, error reports and the health check."""
