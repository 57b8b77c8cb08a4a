"""Metrics for Prometheus.

Counters count the work of this process. Gauges are set from the store at each scrape. All metrics are defined here.
Labels have few possible values, such as channels, kinds and outcomes, and never contain addresses or names.
"""

from collections.abc import MutableMapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot import __version__
from bot.domain.change import Change, Kind
from bot.domain.health import Facts, local_counts
from bot.domain.source_status import ICE
from bot.pipeline.deliver import Delivered
from bot.pipeline.poll_agenda import AgendaPoll
from bot.pipeline.poll_list import ListPoll
from bot.sources import LOCAL

CONTENT_TYPE = CONTENT_TYPE_LATEST
OUTCOMES = ("sent", "failed", "paused", "waiting")
MINUTE, HOUR, DAY = 60, 3_600, 86_400
WAITS = (1, 2, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 2 * DAY, 8 * DAY)


class Metrics:
    """The metrics of one process. The runner reports readings and deliveries to it as its observer."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # no one uses them, and they double the series
        self._registry = CollectorRegistry()
        self._make_counters()
        self._make_gauges()
        ProcessCollector(registry=self._registry)

    def _make_counters(self) -> None:
        of = self._registry
        self._reads = Counter(
            "countersign_reads", "Readings of sources, by outcome.", ["source", "outcome"], registry=of
        )
        self._changes = Counter("countersign_changes", "Changes recorded, by kind.", ["kind"], registry=of)
        self._messages = Counter(
            "countersign_messages",
            "Messages, by outcome: sent, failed (tried again later), paused (a person must act), "
            "waiting (not their turn yet).",
            ["channel", "outcome"],
            registry=of,
        )
        self._told = Histogram(
            "countersign_told_seconds",
            "Seconds from seeing a change to telling a subscription about it; digests wait for their hour.",
            ["channel", "cadence"],
            buckets=WAITS,
            registry=of,
        )
        self._lines = Counter("countersign_log_lines", "Log lines, by level.", ["level"], registry=of)
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        """Create each series with a value of zero.

        Otherwise, `increase()` in Prometheus would miss the first event of a series.
        """
        for kind in Kind:
            self._changes.labels(kind.value)
        for level in ("info", "warning", "error"):
            self._lines.labels(level)
        for source, outcome in product((ICE, *LOCAL), ("changed", "unchanged", "failed")):
            self._reads.labels(source, outcome)
        self._reads.labels(ICE, "held")

    def _make_gauges(self) -> None:
        of = self._registry
        build = Gauge("countersign_build_info", "The running version.", ["version"], registry=of)
        build.labels(__version__).set(1)
        self._healthy = Gauge("countersign_healthy", "1 when /health answers 200.", registry=of)
        self._stale = Gauge("countersign_ice_stale", "1 when ICE's list hasn't been read for too long.", registry=of)
        self._ice_failures = Gauge(
            "countersign_ice_failures", "Failed readings of ICE's list since the last good one.", registry=of
        )
        self._ice_read = Gauge(
            "countersign_ice_last_read_timestamp_seconds", "When ICE's list was last read; 0 if never.", registry=of
        )
        self._ice_changed = Gauge(
            "countersign_ice_last_change_timestamp_seconds",
            "When ICE's list last changed; 0 if never.",
            registry=of,
        )
        self._local = Gauge("countersign_local_sources", "Local sources, by standing.", ["standing"], registry=of)
        self._held = Gauge("countersign_held_listings", "Listings that aren't accepted yet.", registry=of)
        self._log_end = Gauge("countersign_change_log_length", "Changes in the log.", registry=of)
        self._subscriptions = Gauge(
            "countersign_subscriptions", "Subscriptions, by standing.", ["channel", "standing"], registry=of
        )
        self._due = Gauge(
            "countersign_subscriptions_due", "Subscriptions waiting for a message.", ["channel"], registry=of
        )
        self._late = Gauge(
            "countersign_subscriptions_late",
            "Subscriptions that have been waiting for more than five minutes.",
            ["channel"],
            registry=of,
        )
        self._unserved = Gauge(
            "countersign_subscriptions_unserved",
            "Subscriptions that get nothing because their channel isn't set up.",
            ["channel"],
            registry=of,
        )
        self._refused = Gauge(
            "countersign_subscriptions_refused_at_once",
            "Chats that the platform refused within minutes, if there are many.",
            ["channel"],
            registry=of,
        )
        self._oldest = Gauge("countersign_oldest_due_seconds", "The longest wait among them.", ["channel"], registry=of)

    # ── counting work ────────────────────────────────────────────────────────────────────────────────────────────────

    def list_polled(self, poll: ListPoll) -> None:
        """Count a reading of ICE's lists and any changes."""
        failed = poll.problem is not None
        self._read(ICE, _outcome(poll.changes, failed=failed, is_held=bool(poll.held)), poll.changes)

    def agenda_polled(self, kind: str, poll: AgendaPoll) -> None:
        """Count a reading of a local place, labeled with its platform."""
        self._read(kind, _outcome(poll.changes, failed=poll.failed), poll.changes)

    def _read(self, source: str, outcome: str, changes: Sequence[Change]) -> None:
        self._reads.labels(source, outcome).inc()
        for change in changes:
            self._changes.labels(change.kind.value).inc()

    def delivered(self, delivery: Delivered) -> None:
        """Count the messages sent in a delivery, and the message that couldn't be sent, if there is one."""
        if delivery.messages:
            self._messages.labels(delivery.channel, "sent").inc(delivery.messages)
        if delivery.waited is not None:
            wait = max(0.0, delivery.waited.total_seconds())
            self._told.labels(delivery.channel, delivery.cadence.value).observe(wait)
        if delivery.problem is not None:
            outcome = "waiting" if delivery.waiting else "paused" if delivery.paused else "failed"
            self._messages.labels(delivery.channel, outcome).inc()

    def line(self, _: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Count a log line, as a structlog processor."""
        self._lines.labels("error" if method == "exception" else method).inc()
        return event

    # ── reading the store ────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, facts: Facts | None) -> bytes:
        """Return the metrics page for Prometheus.

        `facts` is None if the store can't be read. In that case, most gauges keep their previous values.
        """
        self._healthy.set(facts is not None and not facts.reasons)
        if facts is not None:
            self._set(facts)
        return generate_latest(self._registry)

    def _set(self, facts: Facts) -> None:
        self._held.set(facts.held)
        self._log_end.set(facts.log_end)
        self._stale.set(facts.is_stale)
        if facts.ice is not None:
            self._ice_failures.set(facts.ice.failures)
            self._ice_read.set(_unix(facts.ice.read_at))
            self._ice_changed.set(_unix(facts.ice.changed_at))
        for standing, number in local_counts(facts.local).items():
            self._local.labels(standing).set(number)
        for gauge in (self._subscriptions, self._due, self._late, self._oldest, self._unserved, self._refused):
            gauge.clear()  # drops channels without subscriptions
        for channel, crowd in facts.crowds.items():
            for standing, number in crowd.standings.items():
                self._subscriptions.labels(channel, standing.value).set(number)
            for outcome in OUTCOMES:
                self._messages.labels(channel, outcome)
            self._due.labels(channel).set(crowd.due)
            self._late.labels(channel).set(crowd.late)
            self._unserved.labels(channel).set(crowd.unserved)
            self._refused.labels(channel).set(crowd.refused_at_once)
            waited = (facts.now - crowd.oldest_due).total_seconds() if crowd.oldest_due else 0
            self._oldest.labels(channel).set(waited)


def _outcome(changes: Sequence[Change], *, failed: bool, is_held: bool = False) -> str:
    """Return the outcome of a reading as a label.

    If there were changes, the outcome is "changed", even if part of the reading failed.
    """
    if changes:
        return "changed"
    if failed:
        return "failed"
    return "held" if is_held else "unchanged"


def _unix(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
