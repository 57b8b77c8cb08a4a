"""Countersign tells people when a police agency joins or leaves ICE's 287(g) program.

The straight line::

    fetch ─► parse ─► vet ─► reconcile ─► record ═════ change log ═════► compose ─► send ─► advance
    Document Listing  held?   Changes     one atomic                     Digest    Receipt  cursor, or
    (edge)   (pure)   (pure)  (pure)      commit                         (pure)    (edge)   due again, or paused
    └──────────── watch.py: one source that is due ───────┘      └──── deliver.py: one subscription that is due ───┘

Agendas of local government come in by the same door: attend.py, one place that is due, fetches, reads, looks for
mentions, compares them with those that are recorded, and records.

Each step takes a value and returns the next; nobody calls upstream. The only resting place is the change log.
"""

__version__ = "0.1.0"
