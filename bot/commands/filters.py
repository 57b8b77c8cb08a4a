"""Create and change filters based on what people type.

Watching something and then no longer watching it leads back to the same filter, or to one that watches nothing. It
never leads to more.
"""

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.agreement import SupportType
from bot.domain.chat.parser import Where
from bot.domain.chat.towns import TYPE_WORDS, county_text
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Filter, county_in, typed_place
from bot.domain.text.wording import states_in_order


def filter_for(where: Where) -> Filter:
    """Return a new filter for these places, agencies and support types."""
    return with_added(Filter(), where)


def with_added(filter_: Filter, where: Where) -> Filter:
    """Add places, agencies and support types to a filter. "All" replaces individual states.

    Adding never takes anything away, so a state that is added to all states leaves them as they are. A
    support type without a place narrows the places that are watched. If nothing is watched, it is watched everywhere.
    """
    watched = {county_in(county) for county in filter_.counties}
    states = {**filter_.states, **dict.fromkeys(where.states, 0)}
    if ALL_STATES in where.states or (filter_.is_empty and not names_places(where) and where.support_types):
        states = {ALL_STATES: filter_.states.get(ALL_STATES, 0)}
    elif ALL_STATES in filter_.states:
        states = dict(filter_.states)
    before = {} if filter_.is_empty and where.support_types else filter_.support_types
    types = {**before, **dict.fromkeys(where.support_types, 0)}
    return replace(
        filter_,
        states=states,
        counties={**filter_.counties, **{county: 0 for county in where.counties if county_in(county) not in watched}},
        agencies={**filter_.agencies, **dict.fromkeys(where.agencies, 0)},
        agency_types={**filter_.agency_types, **dict.fromkeys(where.agency_types, 0)},
        support_types={} if types.keys() >= set(SupportType) else types,
    )


def only(filter_: Filter, where: Where) -> Filter:
    """Return a filter for nothing but this. Support types without a place leave the places as they are."""
    if names_places(where):
        return with_added(Filter(kinds=filter_.kinds), where)
    return with_added(replace(filter_, support_types={}), where)


def without(filter_: Filter, where: Where) -> Filter:
    """Remove places, agencies and support types from a filter.

    The support types of a filter apply to all its places, so types are removed only if all its places are meant. A
    filter whose last support type is removed watches nothing. The types stay with a filter whose last place is removed,
    so that watching the place again doesn't watch more of it.
    """
    if where.support_types and _means_every_place(filter_, where):
        return _without_types(filter_, where.support_types)
    if ALL_STATES in where.states:
        return replace(filter_, states={}, counties={}, agencies={}, agency_types={})
    gone = {county_in(county) for county in where.counties}
    return replace(
        filter_,
        states={k: v for k, v in filter_.states.items() if k not in where.states},
        counties={k: v for k, v in filter_.counties.items() if k not in where.counties and county_in(k) not in gone},
        agencies={k: v for k, v in filter_.agencies.items() if k not in where.agencies},
        agency_types={k: v for k, v in filter_.agency_types.items() if k not in where.agency_types},
    )


def _without_types(filter_: Filter, types: Iterable[SupportType]) -> Filter:
    watched = filter_.support_types or ({} if filter_.is_empty else dict.fromkeys(SupportType, 0))
    left = {k: v for k, v in watched.items() if k not in types}
    return replace(filter_, support_types=left) if left else Filter(kinds=filter_.kinds)


def each_watched(filter_: Filter, language: Language = Language.ENGLISH) -> list[tuple[str, Filter]]:
    """Return each place and agency that the filter watches, with the command that stops watching it, by their names."""
    states = states_in_order(filter_.states.keys() & STATES, language)
    found = [(f"unwatch {code}", Filter(states={code: 0})) for code in states]
    found += [(f"unwatch {_county_words(entry)}", Filter(counties={entry: 0})) for entry in sorted(filter_.counties)]
    types = sorted(filter_.agency_types)
    found += [(f"unwatch {_typed_words(entry)}", Filter(agency_types={entry: 0})) for entry in types]
    return found + [(f"unwatch agency {part}", Filter(agencies={part: 0})) for part in sorted(filter_.agencies)]


def _county_words(entry: str) -> str:
    """Return the words for a county that can be typed, also for a county that is no longer in the table."""
    county, (state, _, plain) = county_in(entry), entry.partition("/")
    return county_text(county) if county is not None else f"{plain} {state}"


def _typed_words(entry: str) -> str:
    """Return the words for a type of agency in a place that can be typed, such as "sheriffs in TX"."""
    agency_type, place = typed_place(entry)
    where = "all states" if place == ALL_STATES else _county_words(place) if "/" in place else place
    return f"{TYPE_WORDS.get(agency_type, agency_type)} in {where}"


def why_not_added(filter_: Filter, where: Where) -> str | None:
    """Return the key of the reply that explains what adding this would discard, or None if nothing would be lost."""
    if ALL_STATES in filter_.states and names_places(where) and ALL_STATES not in where.states:
        return "all_watched"
    is_clear = filter_.is_empty or _means_every_place(filter_, where, add=True)
    return None if is_clear or _types_match(filter_, where) else "types_for_all"


def why_not_removed(filter_: Filter, where: Where) -> str | None:
    """Return the key of the reply that explains why removing this would also remove something else, or None."""
    if ALL_STATES in filter_.states and where.states and ALL_STATES not in where.states:
        return "all_watched"
    is_clear = _means_every_place(filter_, where) or without(filter_, where) == filter_
    return None if is_clear or _types_match(filter_, where) else "types_for_all"


def _types_match(filter_: Filter, where: Where) -> bool:
    """Return True if the types are the filter's own, or if there are none."""
    return not where.support_types or set(where.support_types) == set(filter_.support_types)


def _means_every_place(filter_: Filter, where: Where, *, add: bool = False) -> bool:
    """Return True if no places are named, or exactly the filter's. "All" refers to every place unless it's added."""
    if not names_places(where) or (ALL_STATES in where.states and not add):
        return True
    return _places(filter_) == _places(where)


def names_places(where: Where) -> bool:
    """Return True if the words name a place, an agency or a type of agency, and not only a support type."""
    return bool(where.states or where.counties or where.agencies or where.agency_types)


def _places(of: Filter | Where) -> frozenset[object]:
    return frozenset(
        {*of.states, *map(county_in, of.counties), *(("agency", part) for part in of.agencies), *of.agency_types}
    )
