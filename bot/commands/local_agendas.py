"""Local agendas in chat: what is read of a place that someone begins to watch, and suggestions of sites."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.commands.question import Question
from bot.config.catalog import usual_zone
from bot.domain.agenda import Place
from bot.domain.agendas.bodies import Body, body_of, county_body, letters, state_at_end
from bot.domain.chat import local_agendas as words
from bot.domain.chat import parser, replies
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.request import Reply
from bot.domain.chat.towns import Reading
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name
from bot.domain.language import Language
from bot.domain.pasted_address import addresses_and_rest
from bot.domain.subscription import Filter, Subscription, county_in
from bot.domain.text.rich_text import Line
from bot.domain.web_address import host_of, masked, masked_typed, web_parts
from bot.pipeline.local_requests import (
    A_DAY,
    MOST_A_DAY,
    MOST_WAITING,
    Suggestion,
    ask_for_reading,
    fingerprint_of,
    keep_suggestion,
    suggestion_key,
    suggestions,
)
from bot.pipeline.poll_agenda import source_states
from bot.pipeline.runner import Runner
from bot.sources.local.recognize import list_needed, recognize

MOST_AT_ONCE = 8  # sources of one chat
LONGEST_ADDRESS = 400
LONGEST_SHOWN = 60  # of what was typed instead of an address
_NOT_PUBLIC = re.compile(
    r"(?:^|\.)(?:localhost|local|internal|intranet|lan|localdomain|svc|home|corp|test|invalid|example|onion|arpa)$"
)


class LocalAgendas:
    """Answers about local agendas. `is_open` says whether an operator's chat can get suggestions."""

    def __init__(self, runner: Runner, *, is_open: bool) -> None:
        self._runner = runner
        self._is_open = is_open

    # ── a place that someone begins to watch ─────────────────────────────────────────────────────────────────────────

    async def of_new(
        self, question: Question, before: Filter, saved: Subscription, readings: Sequence[Reading]
    ) -> tuple[Line, ...]:
        """Say what is read of the counties that were just added. What was never read is read now, by a worker."""
        new = [entry for entry in saved.filter.counties if entry not in before.counties]
        counties = [county for entry in new if (county := county_in(entry)) is not None]
        if not counties or not self._runner.reads_local:
            return ()
        towns = {letters(each.typed) for each in readings if not each.is_zip and not each.is_county} - {""}
        places = _sources_in(self._runner.places, counties, towns)
        states = await source_states(self._runner.store, places)
        unread = [state.place for state in states if state.read_at is None and not state.is_parked]
        read = [state for state in states if state.read_at is not None or state.is_parked]
        lines = [
            words.line(question.language, "none", name=replies.named_county(question.language, county))
            for county in counties[: words.MOST_NAMED]
            if not any(_is_of(place, county, towns) for place in places)
        ]
        lines += words.found_lines(question.language, read)
        if unread:
            await ask_for_reading(self._runner.store, unread, self._runner.now(), subscription=saved.id)
            lines.append(words.reading_line(question.language, unread))
        return tuple(lines)

    # ── suggestions ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def suggest(self, question: Question, _: str) -> Reply:
        """Pass a site that a person suggests on to the operator.

        The address is taken from the message itself, because commands lose question marks.
        """
        typed = _after_command(question.request.text)
        if not typed:
            return Reply(lines=(words.line(question.language, "suggest_how"),))
        addresses, rest = addresses_and_rest(typed)
        if (unusable := _why_unusable(question.language, typed, addresses)) is not None:
            return Reply(lines=(unusable,))
        found = recognize(addresses[0])
        assert found is not None  # a page takes any address
        refusal = await self._why_refused(question, found)
        if refusal is not None:
            return Reply(lines=(refusal,))
        place = self._placed(question, found, rest)
        if place is None:
            return Reply(lines=(words.line(question.language, "suggest_where", address=masked(addresses[0])),))
        await self._keep(question, place)
        platform = words.platform(question.language, place.kind)
        lines = [words.line(question.language, "suggest_thanks", name=place.name, platform=platform)]
        if question.subscription is not None:
            lines.append(words.line(question.language, "suggest_later"))
        return Reply(lines=tuple(lines))

    async def _why_refused(self, question: Question, found: Place) -> Line | None:
        """Return why a site isn't passed on: it is known, it was suggested before, or there are too many."""
        language = question.language
        if (known := _known(self._runner.places.values(), found)) is not None:
            platform = words.platform(language, known.kind)
            return words.line(language, "suggest_known", name=known.name, platform=platform)
        if not self._is_open:
            return words.line(language, "suggest_nobody")
        before = await suggestions(self._runner.store)
        if (same := before.get(suggestion_key(found.address))) is not None:
            return words.line(language, "suggest_declined" if same.decision == "declined" else "suggest_again")
        chat, now = fingerprint_of(question.request.channel, question.request.address), self._runner.now()
        if sum(each.chat == chat and now - each.at < A_DAY for each in before.values()) >= MOST_A_DAY:
            return words.line(language, "suggest_many")
        if sum(not each.decision for each in before.values()) >= MOST_WAITING:
            return words.line(language, "suggest_full")
        return None

    def _placed(self, question: Question, found: Place, rest: str) -> Place | None:
        """Return the site as a source of its place, or None if it isn't known whose it is.

        The place is the one that was typed, the one that the address names, or the only county that the chat watches.
        """
        body = _body_named(rest)
        if body is None and found.kind != "page" and (state := found.state or state_at_end(found.name)):
            body = body_of(state, re.sub(rf"-?{state.lower()}$", "", found.name))
        if body is None and not rest:
            watched = [county_in(entry) for entry in question.settings.filter.counties]
            host = letters(urlsplit(found.address).hostname or "")
            fits = [each for each in watched if each is not None and letters(each.name) in host]
            body = county_body(fits[0]) if len(fits) == 1 else None
        if body is None:
            return None
        zone = usual_zone(body.state, body.county_name, self._runner.places.values())
        name = f"{body.name}, {body.state}"
        return replace(found, name=name, state=body.state, county=body.county_name, fips=body.fips, zone=zone)

    async def _keep(self, question: Question, place: Place) -> None:
        asked, now = question.request, self._runner.now()
        suggestion = Suggestion(
            key=suggestion_key(place.address),
            place=replace(place, origin="suggested in a chat", seen=now.year),
            chat=fingerprint_of(asked.channel, asked.address),
            at=now,
            subscription=question.subscription.id if question.subscription is not None else "",
        )
        await keep_suggestion(self._runner.store, suggestion)


def _sources_in(places: Mapping[str, Place], counties: Sequence[County], towns: set[str]) -> list[Place]:
    """Return a few sources in these counties: first the counties' own, then those of the towns that were typed."""
    names = {(county.state, distinct_name(county)) for county in counties}
    found = [place for place in places.values() if (place.state, place.county) in names]
    return sorted(found, key=lambda place: (not _is_typed(place, towns), not place.fips, place.name))[:MOST_AT_ONCE]


def _is_typed(place: Place, towns: set[str]) -> bool:
    return letters(words.bare(place)) in towns


def _is_of(place: Place, county: County, towns: set[str]) -> bool:
    """Return True if a source is the county's own government, or the town's that was typed."""
    return place.fips == county.fips or (_is_typed(place, towns) and place.state == county.state)


def _body_named(typed: str) -> Body | None:
    """Return the government that people call by this name and its state, or None if it isn't clear which one it is."""
    name, state = parser.name_and_state(typed)
    if (body := body_of(state, name) if state else None) is not None:
        return body
    try:
        where = parser.where(typed) if typed else None
    except Misunderstood:
        return None
    county = county_in(where.counties[0]) if where is not None and len(where.counties) == 1 else None
    return county_body(county) if county is not None else None


def _after_command(text: str) -> str:
    """Return what follows the command in a message such as "/suggest https://… Nash County NC"."""
    return " ".join(text.split()).removeprefix("/").partition(" ")[2]


def _why_unusable(language: Language, typed: str, addresses: Sequence[str]) -> Line | None:
    """Return why a message has no address that can be passed on, or None if it has one."""
    if len(addresses) > 1:
        return words.line(language, "suggest_two")
    shown = masked_typed(addresses[0] if addresses else typed)[:LONGEST_SHOWN]
    address = addresses[0] if addresses and len(addresses[0]) <= LONGEST_ADDRESS else ""
    if not address or not host_of(address).isascii():  # so that the operator sees whose it is
        return words.line(language, "suggest_bad", typed=shown)
    if not _is_public(address):
        return words.line(language, "suggest_private", typed=shown)
    if needed := list_needed(address):
        return words.line(language, "suggest_needed", host=host_of(address), needed=needed)
    return None


def _is_public(address: str) -> bool:
    """Return False for the address of a machine or of a private network. Names are checked again when they're read."""
    parts = web_parts(address)
    host = (parts.hostname or "").rstrip(".").casefold() if parts is not None else ""
    if parts is None or parts.port not in {None, 80, 443}:
        return False
    try:
        ip_address(host)
    except ValueError:
        is_number = re.fullmatch(r"[\d.]+|0x[0-9a-f.x]+", host) is not None
        return "." in host and not is_number and not _NOT_PUBLIC.search(host)
    return False


def _known(places: Iterable[Place], found: Place) -> Place | None:
    """Return the source that reads a site already."""
    wanted = _plain(found.address)
    return next((place for place in places if _plain(place.address) == wanted), None)


def _plain(address: str) -> tuple[str, str, str]:
    parts = web_parts(address)
    if parts is None:
        return "", address, ""
    return (parts.hostname or "").removeprefix("www."), parts.path.rstrip("/").casefold(), parts.query
