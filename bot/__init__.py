"""Countersign tells people when a police agency joins or leaves ICE's 287(g) program.

Data flows through the program in one direction::

    fetch ─► parse ─► vet ─► reconcile ─► record ═════ change log ═════► compose ─► send ─► advance
    Document Listing  held?   Changes     one atomic                     Digest    Receipt  cursor, or
    (edge)   (pure)   (pure)  (pure)      commit                         (pure)    (edge)   due again, or paused
    └──── pipeline/poll_list: one due source ─────────────┘      └── pipeline/deliver: one due subscription ──┘

pipeline/poll_agenda reads local-government agendas. It fetches one due place, detects mentions of 287(g), compares them
with the recorded mentions and records the changes.

Each step accepts a value and returns a new value for the next step. No step calls an earlier one. pipeline/poll_list
and pipeline/deliver share data only through the change log.

Start reading at `bot.__main__`, `bot.cli` or `bot.pipeline`. A module imports only from lower layers. From top to
bottom, the layers are: cli; demo; app; web, worker, commands and observability; pipeline and config; sources, channels
and store; fetch; the pure domain; errors.
"""

__version__ = "0.2.0"
