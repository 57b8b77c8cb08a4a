"""Seeds of `benchmarks/fuzz.py` that found a fault, by kind. They run as tests for good."""

SEEDS: dict[str, tuple[int, ...]] = {
    "html": (1, 2, 3),
    "feeds": (1, 2, 3),
    "json": (1, 2, 3),
    "commands": (1, 2, 3),
    "payloads": (1, 2, 3),
    "settings": (1, 2, 3),
}
