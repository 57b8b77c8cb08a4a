"""The rules that both stores follow: pure functions and indexes, with no I/O, clock or logging."""
