"""Seeds of `benchmarks/fuzz.py` that found a fault, by kind. They run as tests for good."""

SEEDS: dict[str, tuple[int, ...]] = {
    "html": (2467, 6078275),  # a feed with half a letter, a table with its header far outside
    "feeds": (54, 237),  # the same
    "json": (1, 2, 3, 3169877),  # a stamp that is no day
    "places": (299, 335, 29719),  # entries and rows without words, a control character after an item
    "commands": (1163,),  # /pick with two states
    "payloads": (
        2636,
        3485,
        4379,
        12657,
        2000037,
        2000749,
        2067978,
    ),  # failures inside the libraries, half a surrogate pair
    "settings": (
        502964,
        508178,
        510707,
        510984,
        518893,
        521399,
        522537,
        528450,
    ),  # long numbers and deep nesting in TOML, half a letter
}
