"""The HTTP server for the public pages, webhooks, health checks and metrics."""
