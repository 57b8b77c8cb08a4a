"""Every decision Countersign makes, as pure functions over immutable values. No I/O, no clock and no logging."""
