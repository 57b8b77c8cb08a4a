"""The rules that both stores follow.

They are pure functions and indexes, without I/O, a clock or logging.
"""
