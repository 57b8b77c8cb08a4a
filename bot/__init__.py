"""Countersign tells people when a police agency joins or leaves ICE's 287(g) program.

The straight line::

    fetch ─► parse ─► vet ─► reconcile ─► record ═════ change log ═════► compose ─► send ─► advance
    Document Listing  held?   Changes     one atomic                     Digest    Receipt  cursor, or
    (edge)   (pure)   (pure)  (pure)      commit                         (pure)    (edge)   due again, or paused
    └──── pipeline/poll_list: one due source ─────────────┘      └── pipeline/deliver: one due subscription ──┘

Local-government agendas enter through pipeline/poll_agenda: it fetches one due place, detects mentions of 287(g),
compares them with those already recorded, and records.

Each step takes a value and returns the next; nothing calls upstream. The change log is the only resting place.

Start reading at `bot.__main__`, `bot.cli` or `bot.pipeline`. Imports go down only: cli, app, then web, worker, commands
and observability, then pipeline and config, then sources, channels, store and fetch, then the pure domain, then errors.
"""

__version__ = "0.1.0"
