"""Logs, metrics, error reports and the health check: everything an operator watches."""
