"""Decide whether two rows on a list are the same agreement, and choose which rows to pair.

The rules are in `RULES`, strongest first, and each rule has a reason. No rule names a specific agency. The rules
combine the similarity of two names with other evidence: the signing date, the MOA and the county.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from rapidfuzz.distance import OSA

from bot.domain.agreement import Agreement, SupportType
from bot.domain.geography.counties import real_counties
from bot.domain.geography.fold import county_key, county_of_agency
from bot.domain.geography.places import place_words
from bot.domain.lists.names import ELECTED, Likeness, Name, canonical, likeness, name_of, two_numbers
from bot.domain.lists.slips import slips_between

MOST_DAYS_APART = 30  # between the signing dates of a row whose support type was corrected
LONG_NAME = 4  # letters in a place's name
LEAST_LETTERS = 3  # of a word that is one of American places or a typo of it
STATE_AGENCY = "State Agency"
OFFICES = ELECTED | {"police", "state"}  # these words don't tell one township from another


@dataclass(frozen=True)  # no slots, so that values several rules need are computed once
class Pair:
    """Two rows to compare: one that left the list and one that joined the list."""

    left: Agreement
    joined: Agreement

    @cached_property
    def here(self) -> bool:
        return self.left.state == self.joined.state and self.left.key.support_type == self.joined.key.support_type

    @cached_property
    def names(self) -> Likeness:
        return likeness(self.left.canonical, self.joined.canonical, self.left.state)

    @property
    def same_day(self) -> bool:
        """True if the signing dates are the same.

        If neither row has a date, as on the pending list, the counties are compared instead.
        """
        if self.left.signed is None and self.joined.signed is None:
            return self.same_county
        return self.left.signed == self.joined.signed

    @property
    def near_day(self) -> bool:
        """True if the signing dates are the same, differ by one typo or can't be compared."""
        one, other = self.left.signed, self.joined.signed
        return one is None or other is None or _is_near(one, other)

    @property
    def same_moa(self) -> bool:
        return self.left.moa is not None and self.left.moa == self.joined.moa

    @property
    def two_moas(self) -> bool:
        return None not in (self.left.moa, self.joined.moa) and self.left.moa != self.joined.moa

    @property
    def same_county(self) -> bool:
        return bool(self._left_county) and self._left_county == self._joined_county

    @property
    def two_counties(self) -> bool:
        one, other = self._left_county, self._joined_county
        return bool(one and other) and one != other

    @property
    def no_county(self) -> bool:
        """True if neither row has a county, as with a state agency or a city."""
        return not self._left_county and not self._joined_county

    @property
    def slips(self) -> int | None:
        """The number of typos between the two names, or None if the names belong to different agencies."""
        return slips_between(self.left.agency, self.joined.agency, self.left.state)

    @property
    def days_apart(self) -> int | None:
        """The number of days between the signing dates, or None if either date is missing."""
        one, other = self.left.signed, self.joined.signed
        return None if one is None or other is None else abs((one - other).days)

    @property
    def in_a_township(self) -> bool:
        """True for a township, town, village or borough.

        Several counties in a state may have one with the same name.
        """
        return bool((self._left_name.kinds | self._joined_name.kinds) & {"township", "town", "village", "borough"})

    @property
    def from_one_place(self) -> bool:
        """True if both names probably refer to the same place, and one of them has a typo.

        The names must differ in a single word, and only one version of the word may be part of a known place name.
        Green and Greene are two townships, because both words are known. If the names share two words, such as South
        Pymatuning, a typo may be anywhere else in the name.
        """
        one, other = (frozenset(name.words) - OFFICES for name in (self._left_name, self._joined_name))
        left, joined = one - other, other - one
        if len(one & other) > 1 and not (left and joined and left | joined <= place_words()):
            return True
        if len(left) != 1 or len(joined) != 1 or min(map(len, left | joined)) < LEAST_LETTERS:
            return False
        return (left <= place_words()) is not (joined <= place_words())

    @property
    def in_named_county(self) -> bool:
        """True if both names include the same county. If the county cells differ, one of them must be wrong."""
        county = county_of_agency(self.left.state, self.left.agency)
        return county is not None and county == county_of_agency(self.joined.state, self.joined.agency)

    @property
    def of_state(self) -> bool:
        """True if both are state agencies. In that case, the county shows only where the office is."""
        return self.left.agency_type == self.joined.agency_type == STATE_AGENCY

    @property
    def recognizable(self) -> bool:
        """True if a single typo can't turn one agency's name into another's, whatever county is printed."""
        is_named = self.long_names and not self.in_a_township
        return is_named or self.of_state or self.in_named_county or self.from_one_place

    @property
    def long_names(self) -> bool:
        """True if both place names are long enough to be recognizable despite a typo."""
        return min(len("".join(self._left_name.place)), len("".join(self._joined_name.place))) >= LONG_NAME

    @property
    def same_beginning(self) -> bool:
        """True if both names begin with the same letter, unlike Lakeland and Oakland."""
        return self.left.canonical[:1] == self.joined.canonical[:1]

    @property
    def _left_county(self) -> str:
        return county_key(self.left.state, self.left.county) if self.left.county else ""

    @property
    def _joined_county(self) -> str:
        return county_key(self.joined.state, self.joined.county) if self.joined.county else ""

    @property
    def two_numbers(self) -> bool:
        """True if the numbers in the names differ. Precinct 1 and Precinct 2 are always two agencies."""
        return two_numbers(self._left_name, self._joined_name)

    @property
    def same_order(self) -> bool:
        """True if the words that both names share are in the same order."""
        one, other = self._left_name.words, self._joined_name.words
        return [word for word in one if word in other] == [word for word in other if word in one]

    @property
    def unread_type(self) -> bool:
        """True if the support type of either row is unknown. It may be a misprint that ICE corrected."""
        return SupportType.OTHER in (self.left.support_type, self.joined.support_type)

    @property
    def by_county(self) -> bool:
        """True if only one name includes the county, and both rows list that county."""
        state, one, other = self.left.state, self._left_name, self._joined_name
        county = frozenset(name_of(canonical(self.left.county, state), state).words)
        return self.same_county and (_is_with_county(one, other, county) or _is_with_county(other, one, county))

    @property
    def _left_name(self) -> Name:
        return name_of(self.left.canonical, self.left.state)

    @property
    def _joined_name(self) -> Name:
        return name_of(self.joined.canonical, self.joined.state)

    @property
    def alike_counties(self) -> bool:
        """True if the counties are the same or similar, or if either is missing.

        Counties with dissimilar names are different, and so are two real counties, even if their names are similar.
        """
        if not self.two_counties:
            return True
        one, other = self._left_county, self._joined_county
        return not {one, other} <= real_counties(self.left.state) and likeness(one, other, "") >= Likeness.LOOKALIKE


def _is_with_county(name: Name, bare: Name, county: frozenset[str]) -> bool:
    """Return whether `name` is `bare` plus the county's name.

    The names must share a word other than "police", because the State Police and a county police force are two
    agencies.
    """
    words, rest = frozenset(name.words) - county - {"state"}, frozenset(bare.words) - {"state"}
    return "county" in name.kinds and bare.kinds <= name.kinds and words == rest and bool(rest - {"police"})


Rule = Callable[[Pair], bool]

RULES: tuple[tuple[int, str, Rule], ...] = (
    (90, "the same MOA and signing date", lambda p: p.here and p.same_moa and p.same_day and not p.two_numbers),
    (
        80,
        "the same name apart from generic words, and the same signing date or MOA",
        lambda p: p.here and p.names >= Likeness.EXTENDED and (p.same_day or p.same_moa) and p.alike_counties,
    ),
    (
        70,
        "a slip of the pen in the name, and the same signing date or MOA",
        lambda p: p.here and p.names == Likeness.TYPO and (p.same_day or p.same_moa) and p.alike_counties,
    ),
    (
        65,
        "slips of the pen in the name, and the same signing date, type and county",
        lambda p: (
            p.here
            and p.same_day
            and p.left.agency_type == p.joined.agency_type
            and not p.two_moas
            and p.slips is not None
            and (p.same_county or (p.no_county and (p.slips == 1 or p.same_beginning)))
        ),
    ),
    (
        60,
        "a similar name, the same MOA, and a slip of the pen in the signing date",
        lambda p: p.here and p.names >= Likeness.LOOKALIKE and p.same_moa and p.near_day,
    ),
    (
        60,
        "the same body, one of its names incomplete, and the same signing date",
        lambda p: p.here and p.names == Likeness.BODY and p.same_day and not p.two_moas and not p.two_counties,
    ),
    (
        50,
        "a similar name, and the same signing date, type and county",
        lambda p: (
            p.here
            and p.names == Likeness.LOOKALIKE
            and p.same_day
            and p.left.agency_type == p.joined.agency_type
            and p.alike_counties
            and bool(p.left.county)
            and not p.two_moas
        ),
    ),
    (
        50,
        "the same body of the same county, and the same signing date",
        lambda p: p.here and p.by_county and p.same_day and not p.two_numbers and not p.two_moas,
    ),
    (
        45,
        "one slip of the pen in the name, another county, and the same signing date and type",
        lambda p: (
            p.here
            and p.same_day
            and p.left.agency_type == p.joined.agency_type
            and not p.two_moas
            and p.slips == 1
            and p.two_counties
            and p.left.canonical != p.joined.canonical
            and p.same_beginning
            and p.recognizable
        ),
    ),
    (
        40,
        "the same name apart from generic words",
        lambda p: p.here and p.names == Likeness.SAME and not p.two_counties,
    ),
    (
        30,
        "a slip of the pen in the name and in the signing date, in the same county",
        lambda p: p.here and p.names >= Likeness.TYPO and p.near_day and p.same_county and not p.two_moas,
    ),
    (
        20,
        "the same in everything but the state",
        lambda p: (
            p.left.state != p.joined.state
            and p.left.key.support_type == p.joined.key.support_type
            and p.left.canonical == p.joined.canonical
            and p.left.agency_type == p.joined.agency_type
            and p.same_day
            and (p.same_moa or not (p.two_counties or p.two_moas))
        ),
    ),
    (
        15,
        "the same agency and county; the support type and the signing date were corrected within days",
        lambda p: (
            p.left.state == p.joined.state
            and p.left.canonical == p.joined.canonical
            and p.left.key.support_type != p.joined.key.support_type
            and p.left.moa is None
            and p.joined.moa is None
            and not p.two_counties
            and p.days_apart is not None
            and p.days_apart <= MOST_DAYS_APART
        ),
    ),
    (
        10,
        "the same in everything but the support type",
        lambda p: (
            p.left.state == p.joined.state
            and p.left.canonical == p.joined.canonical
            and p.left.key.support_type != p.joined.key.support_type
            and p.same_day
            and (p.same_moa or (p.unread_type and not p.two_moas and not p.two_counties))
        ),
    ),
)


def is_second_row(pair: Pair) -> bool:
    """Return whether two rows on one list are duplicates of the same agreement. This check is stricter than pairing."""
    if not pair.here or pair.two_counties or pair.two_moas or not (pair.near_day or pair.same_moa):
        return False  # checked first, because comparing two names is slower
    return (pair.names == Likeness.SAME and pair.near_day) or (
        pair.names == Likeness.EXTENDED and (pair.same_day or pair.same_moa)
    )


@dataclass(frozen=True, slots=True)
class Paired:
    """Two rows for the same agreement, and the rule that paired them."""

    left: Agreement
    joined: Agreement
    because: str


def best_pairs(left: Sequence[Agreement], joined: Sequence[Agreement]) -> list[Paired]:
    """Return the set of pairs with the greatest total weight. Each row is in at most one pair."""
    verdicts = _verdicts(left, joined)
    chosen = heaviest({edge: weight for edge, (weight, _) in verdicts.items()})
    return [Paired(left[i], joined[j], verdicts[i, j][1]) for i, j in chosen]


def only_pairs(left: Sequence[Agreement], joined: Sequence[Agreement]) -> list[Paired]:
    """Return the pairs in which neither row matches any other row."""
    verdicts = _verdicts(left, joined)
    rows, columns = Counter(i for i, _ in verdicts), Counter(j for _, j in verdicts)
    return [
        Paired(left[i], joined[j], because) for (i, j), (_, because) in verdicts.items() if rows[i] == columns[j] == 1
    ]


def _verdicts(left: Sequence[Agreement], joined: Sequence[Agreement]) -> dict[tuple[int, int], tuple[int, str]]:
    verdicts = {(i, j): _verdict(Pair(left[i], joined[j])) for i, j in _candidates(left, joined)}
    return {edge: verdict for edge, verdict in verdicts.items() if verdict is not None}


def _candidates(left: Sequence[Agreement], joined: Sequence[Agreement]) -> Iterable[tuple[int, int]]:
    """Yield the indexes of rows that could match because they share a state and support type, or a name."""
    joined_by: dict[tuple[object, ...], list[int]] = {}
    for j, other in enumerate(joined):
        for trait in _traits(other):
            joined_by.setdefault(trait, []).append(j)
    for i, one in enumerate(left):
        for trait in _traits(one):
            yield from ((i, j) for j in joined_by.get(trait, ()))


def _traits(row: Agreement) -> Iterable[tuple[object, ...]]:
    return (row.state, row.key.support_type), ("name", row.canonical)


def _verdict(pair: Pair) -> tuple[int, str] | None:
    """Return the weight and the reason of the strongest rule that matches the pair, or None if no rule does."""
    for weight, because, holds in RULES:
        if holds(pair):
            return weight + pair.names.value, because
    return None


def heaviest(weights: Mapping[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Return the edges of the maximum-weight matching, sorted.

    Groups of edges that share no row or column are matched separately.
    """
    return sorted(edge for edges in _apart(weights) for edge in _matched({edge: weights[edge] for edge in edges}))


def _apart(edges: Iterable[tuple[int, int]]) -> Iterable[list[tuple[int, int]]]:
    """Split the edges into groups so that no two groups share a row or a column."""
    groups: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for i, j in edges:
        one, other = groups.setdefault(("row", i), []), groups.setdefault(("column", j), [])
        if one is not other:
            large, small = (one, other) if len(one) >= len(other) else (other, one)
            large += small
            groups.update({end: large for edge in small for end in (("row", edge[0]), ("column", edge[1]))})
            groups["row", i] = groups["column", j] = large
        groups["row", i].append((i, j))
    return {id(group): group for group in groups.values()}.values()


def _matched(weights: Mapping[tuple[int, int], int]) -> Iterable[tuple[int, int]]:
    """Return the maximum-weight matching, using the Kuhn-Munkres algorithm with potentials."""
    rows = sorted({i for i, _ in weights})
    columns = sorted({j for _, j in weights})
    size = max(len(rows), len(columns))
    cost = [
        [-weights.get((rows[r], columns[c]), 0) if r < len(rows) and c < len(columns) else 0 for c in range(size)]
        for r in range(size)
    ]
    edges = ((rows[r], columns[c]) for r, c in _assignment(cost) if r < len(rows) and c < len(columns))
    return [edge for edge in edges if edge in weights]


def _assignment(cost: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the cheapest assignment for a square cost matrix, in cubic time."""
    size = len(cost)
    row_price, column_price = [0] * (size + 1), [0] * (size + 1)
    owner = [-1] * (size + 1)
    for row in range(size):
        owner[size] = row
        _augment(cost, row_price, column_price, owner)
    return [(owner[column], column) for column in range(size)]


def _augment(cost: Sequence[Sequence[int]], row_price: list[int], column_price: list[int], owner: list[int]) -> None:
    """Assign a column to the row in the virtual last column, moving other rows along the cheapest path."""
    size = len(cost)
    slack, came_from, done = [10**9] * (size + 1), [size] * (size + 1), [False] * (size + 1)
    column = size
    while owner[column] != -1:
        done[column] = True
        row = owner[column]
        for c in range(size):
            step = cost[row][c] - row_price[row] - column_price[c]
            if not done[c] and step < slack[c]:
                slack[c], came_from[c] = step, column
        nearest = min((c for c in range(size) if not done[c]), key=slack.__getitem__)
        delta = slack[nearest]
        for c in range(size + 1):
            if done[c]:
                row_price[owner[c]] += delta
                column_price[c] -= delta
            else:
                slack[c] -= delta
        column = nearest
    while column != size:
        owner[column], column = owner[came_from[column]], came_from[column]


@lru_cache(maxsize=8_192)
def _is_near(one: date, other: date) -> bool:
    return OSA.distance(f"{one:%Y%m%d}", f"{other:%Y%m%d}") <= 1
