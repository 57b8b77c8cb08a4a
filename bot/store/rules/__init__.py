"""The rules both stores obey: pure functions and indexes, with no I/O, no clock and no logging."""
