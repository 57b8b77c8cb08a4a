"""Countersign tells people when a police agency joins or leaves ICE's 287(g) program.

The program is one straight line::

    fetch ─► parse ─► vet ─► reconcile ─► record ═════ change log ═════► compose ─► send ─► advance
    Document Listing  held?   Changes     one atomic                     Digest    Receipt  cursor, or
    (edge)   (pure)   (pure)  (pure)      commit                         (pure)    (edge)   due again, or paused
    └──── pipeline/poll_list: one due source ─────────────┘      └── pipeline/deliver: one due subscription ──┘

Local-government agendas enter through pipeline/poll_agenda: it fetches one due place, detects mentions of 287(g),
compares them with the mentions already recorded and records the changes.

Each step takes a value and returns the next one; no step calls an earlier one. Data rests only in the change log.

Start reading at `bot.__main__`, `bot.cli` or `bot.pipeline`. Modules import only from layers below their own: cli, app,
then web, worker, commands and observability, then pipeline and config, then sources, channels, store and fetch, then
the pure domain, then errors.
"""

__version__ = "0.1.0"
