"""The HTTP server for webhooks, health checks and metrics."""
