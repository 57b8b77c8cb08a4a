"""Builds the public pages and the limits of the web server from the settings."""

import resource
from dataclasses import replace
from datetime import timedelta

from bot.app.wiring import places, utc_now
from bot.channels import CHANNELS
from bot.config.settings import Settings
from bot.pipeline.runner import Now
from bot.store import Store
from bot.web.clients import Clients
from bot.web.connections import Access, Bounds
from bot.web.pages.cache import Origin, PageCache
from bot.web.pages.rendering import Installation
from bot.web.pages.routes import Pages, RateLimit


def access(settings: Settings) -> Access:
    """Return the web server's trusted proxies and connection limits.

    The web server gets at most half of the files that this process may open. The rest are for reading sources, sending
    and the store.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = settings.web_connections if files == resource.RLIM_INFINITY else min(settings.web_connections, files // 2)
    return Access(Clients(settings.trusted_proxies), Bounds(most=most, share=settings.web_connections_per_client))


def pages(settings: Settings, store: Store, now: Now = utc_now, *, is_demonstration: bool = False) -> Pages:
    """Return the handlers of the public pages."""
    origin = page_origin(settings, store, now, is_demonstration=is_demonstration)
    shown = installation(settings)
    cache = PageCache(origin, replace(shown, invitations={}, places=()) if is_demonstration else shown)
    return Pages(cache, RateLimit(settings.web_requests_per_minute))


def page_origin(settings: Settings, store: Store, now: Now = utc_now, *, is_demonstration: bool = False) -> Origin:
    """Return what the public pages are made from."""
    stale_after = timedelta(hours=settings.stale_hours)
    return Origin(store=store, now=now, stale_after=stale_after, is_demonstration=is_demonstration)


def installation(settings: Settings, base: str = "") -> Installation:
    """Return what this installation says about itself on the pages."""
    base = base.rstrip("/") or settings.base_url
    invitations = {name: channel.invitation(settings) for name, channel in CHANNELS.items()}
    return Installation(
        base=base,
        contact=settings.contact or "",
        source=settings.ice_url,
        invitations={name: address for name, address in invitations.items() if address is not None},
        places=tuple(places(settings).values()),
    )
