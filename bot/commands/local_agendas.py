"""Local agendas in chat: what is read of a place that someone begins to watch, and suggestions of sites."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.commands.question import Question
from bot.config.catalog import usual_zone
from bot.domain.agenda import Place
from bot.domain.agendas.bodies import body_of, county_body, letters
from bot.domain.chat import local_agendas as words
from bot.domain.chat import parser, replies
from bot.domain.chat.request import Reply
from bot.domain.chat.towns import Reading
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name
from bot.domain.subscription import Filter, Subscription, county_in
from bot.domain.text.rich_text import Line
from bot.domain.web_address import masked, masked_typed, web_parts
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
from bot.sources.local.recognize import completed_address, recognize

MOST_AT_ONCE = 8  # sources of one chat
LONGEST_ADDRESS = 400
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
        typed, rest = _address_and_place(question.request.text)
        if not typed:
            return Reply(lines=(words.line(question.language, "suggest_how"),))
        shown = masked_typed(typed)[:60]
        address = completed_address(typed) if len(typed) <= LONGEST_ADDRESS else ""
        if not address or not (urlsplit(address).hostname or "").isascii():  # so that the operator sees whose it is
            return Reply(lines=(words.line(question.language, "suggest_bad", typed=shown),))
        if not _is_public(address):
            return Reply(lines=(words.line(question.language, "suggest_private", typed=shown),))
        found = recognize(address)
        assert found is not None  # a page takes any address
        refusal = await self._why_refused(question, found)
        if refusal is not None:
            return Reply(lines=(refusal,))
        place = self._placed(question, found, rest)
        if place is None:
            return Reply(lines=(words.line(question.language, "suggest_where", address=masked(address)),))
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
        body = None
        if rest:
            where = parser.where(rest)
            county = county_in(where.counties[0]) if where.counties else None
            town = next((each.typed for each in where.readings if not each.is_zip and not each.is_county), "")
            if county is not None:
                body = (body_of(county.state, town) if town else None) or county_body(county)
                body = replace(body, county=county)
        if body is None and found.state:
            body = body_of(found.state, re.sub(rf"-{found.state.lower()}$", "", found.name))
        if body is None:
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


def _address_and_place(text: str) -> tuple[str, str]:
    """Return the address and the rest of a message such as "/suggest https://… Nash County NC"."""
    _, _, rest = " ".join(text.split()).removeprefix("/").partition(" ")
    typed, _, place = rest.partition(" ")
    linked = re.fullmatch(r"<([^|>]*)(?:\|[^>]*)?>", typed)  # as Slack writes a link
    return (linked[1] if linked else typed), place


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
