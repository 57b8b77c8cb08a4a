"""The certificates that requests trust, loaded once for each process, because loading them takes 20 ms."""

import ssl
from functools import cache

import httpx


@cache
def certificates(*, trust_env: bool = False) -> ssl.SSLContext:
    """Return the usual certificates. With `trust_env`, SSL_CERT_FILE and SSL_CERT_DIR replace them."""
    return httpx.create_ssl_context(trust_env=trust_env)
