"""A program that runs until it is stopped (`run`, `web`): its log, its counts, its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.app.wiring import utc_now
from bot.config.settings import Settings, load, notices
from bot.domain.source_status import ICE
from bot.errors import CountersignError
from bot.observability.health_check import HealthCheck
from bot.observability.logs import set_up_logs
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.observability.sentry import reporter
from bot.store import Store
from bot.web.server import Views

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """The settings, and the observer that counts."""

    settings: Settings
    metrics: Metrics

    def views(self, store: Store) -> Views:
        """What can be seen of this store and of this process from outside."""
        lookout = HealthCheck(
            store=store,
            now=utc_now,
            stale_after=timedelta(hours=self.settings.stale_hours),
            reads_ice=ICE in self.settings.sources,
        )
        return Views(lookout.look, self.metrics.page, CONTENT_TYPE)


@contextmanager
def service() -> Iterator[Service]:
    """Read the settings, and see to it that nothing that fails meanwhile goes unseen.

    Where a host collects the log as JSON, an error that nobody foresaw goes there whole, for its disk is thrown away,
    and the program ends with exit code 1. Otherwise it is raised as it is.
    """
    settings, metrics = load(), Metrics()
    set_up_logs(settings, quiet=False, also=(metrics.line,))
    send = reporter(settings)
    if send is not None:
        set_up_logs(settings, quiet=False, also=(metrics.line, send))
    for notice in notices(settings):
        log.warning(notice)
    try:
        yield Service(settings, metrics)
    except CountersignError:
        raise
    except Exception as fault:
        if settings.log == "json":
            log.exception("the program failed in a way nobody foresaw")
            raise SystemExit(1) from fault
        if send is not None:
            send.report(fault)
        raise
    finally:
        if send is not None:
            send.flush()
