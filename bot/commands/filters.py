"""Create and change filters based on what people type."""

from dataclasses import replace

from bot.domain.chat.parser import Where
from bot.domain.subscription import ALL_STATES, Filter, county_in


def filter_for(where: Where) -> Filter:
    """Return a new filter for these places, agencies and support types."""
    return with_added(Filter(), where)


def with_added(filter_: Filter, where: Where) -> Filter:
    """Add places, agencies and support types to a filter. Adding "all" replaces any individual states."""
    watched = {county_in(county) for county in filter_.counties}
    states = {**filter_.states, **dict.fromkeys(where.states, 0)}
    if ALL_STATES in where.states:
        states = {ALL_STATES: 0}
    elif where.states:
        states.pop(ALL_STATES, None)
    elif where.support_types and not (states or filter_.counties or filter_.agencies or where.counties):
        states = {ALL_STATES: 0}  # "watch TFM" alone means everywhere
    return replace(
        filter_,
        states=states,
        counties={**filter_.counties, **{county: 0 for county in where.counties if county_in(county) not in watched}},
        agencies={**filter_.agencies, **dict.fromkeys(where.agencies, 0)},
        support_types={**filter_.support_types, **dict.fromkeys(where.support_types, 0)},
    )


def without(filter_: Filter, where: Where) -> Filter:
    """Remove places, agencies and support types from a filter."""
    gone = {county_in(county) for county in where.counties}
    return replace(
        filter_,
        states={k: v for k, v in filter_.states.items() if k not in where.states},
        counties={k: v for k, v in filter_.counties.items() if k not in where.counties and county_in(k) not in gone},
        agencies={k: v for k, v in filter_.agencies.items() if k not in where.agencies},
        support_types={k: v for k, v in filter_.support_types.items() if k not in where.support_types},
    )
