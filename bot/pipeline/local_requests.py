"""What people asked about local sources: first readings, suggested sites and the sites that the operator added.

All of it is kept as notes in the store, so that it survives a restart and any program can act on it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from hashlib import sha256

import structlog

from bot.domain.agenda import Certainty, Place
from bot.domain.source_status import SourceStatus
from bot.domain.timestamps import stamp
from bot.pipeline.same_source import of_this_source
from bot.store import Notes

READINGS = "first reading"  # the kinds of notes
SUGGESTIONS = "suggestion"
ADDED = "added source"
MOST_TRIES = 5  # to send an answer: at once and within the next 80 minutes
FIRST_PAUSE = timedelta(minutes=2)
MOST_A_DAY = 3
MOST_WAITING = 100
A_DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=180)

log = structlog.get_logger()


# ── first readings ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRequest:
    """A chat that waits to hear what reading some sources found: a subscription, or an operator's chat.

    `tries` counts the answers that couldn't be sent, and `due_at` is when to try again, or None for at once.
    """

    key: str
    places: tuple[str, ...]
    asked_at: datetime
    subscription: str = ""
    channel: str = ""
    address: str = ""
    tries: int = 0
    due_at: datetime | None = None


async def ask_for_reading(store: Notes, places: Iterable[Place], at: datetime, **whom: str) -> None:
    """Note that a chat waits for these sources. `whom` is its subscription, or an operator's channel and address."""
    key = " ".join(whom.values())
    before = (await store.notes(READINGS)).get(key)
    names = [place.name for place in places]
    if before is not None:
        names = [*json.loads(before)["places"], *names]
    value = {**whom, "places": list(dict.fromkeys(names)), "asked_at": stamp(at)}
    await store.note(READINGS, key, json.dumps(value))


async def reading_requests(store: Notes, due_by: datetime | None = None) -> list[ReadingRequest]:
    """Return the chats that wait, oldest first. With `due_by`, return only those to answer by then."""
    found = []
    for key, text in (await store.notes(READINGS)).items():
        value = json.loads(text)
        times = {name: datetime.fromisoformat(value[name]) for name in ("asked_at", "due_at") if name in value}
        found.append(ReadingRequest(key=key, **{**value, "places": tuple(value["places"]), **times}))
    due = (each for each in found if due_by is None or each.due_at is None or each.due_at <= due_by)
    return sorted(due, key=lambda request: request.asked_at)


async def answered(store: Notes, request: ReadingRequest) -> None:
    """Forget a request that was answered, but not what the chat has asked for in the meantime."""
    text = (await store.notes(READINGS)).get(request.key)
    value = json.loads(text) if text is not None else {"places": []}
    left = [name for name in value["places"] if name not in request.places]
    await store.note(READINGS, request.key, json.dumps(value | {"places": left}) if left else None)


async def answer_later(store: Notes, request: ReadingRequest, now: datetime) -> None:
    """Note that an answer couldn't be sent. Each further try waits three times as long, and the fifth is the last."""
    text = (await store.notes(READINGS)).get(request.key)
    if text is None or request.tries + 1 >= MOST_TRIES:
        await answered(store, request)
        return
    later = {"tries": request.tries + 1, "due_at": stamp(now + FIRST_PAUSE * 3**request.tries)}
    await store.note(READINGS, request.key, json.dumps(json.loads(text) | later))


# ── suggestions ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A site that a chat suggested. `chat` is a fingerprint of the chat, and `decision` is empty, added or declined."""

    key: str
    place: Place
    chat: str
    at: datetime
    subscription: str = ""
    decision: str = ""


def fingerprint_of(channel: str, address: str) -> str:
    """Return a short mark of a chat, which doesn't show its address."""
    return sha256(f"suggests {channel} {address}".encode()).hexdigest()[:16]


async def suggestions(store: Notes) -> Mapping[str, Suggestion]:
    """Return the suggestions by key, oldest first."""
    found: list[Suggestion] = []
    for key, text in (await store.notes(SUGGESTIONS)).items():
        value = json.loads(text)
        place = place_from(value.pop("place"))
        if place is not None:
            found.append(Suggestion(key=key, place=place, **{**value, "at": datetime.fromisoformat(value["at"])}))
    return {each.key: each for each in sorted(found, key=lambda each: each.at)}


async def keep_suggestion(store: Notes, suggestion: Suggestion) -> None:
    """Store a suggestion, and drop those that were decided on long ago."""
    value = {
        "place": place_json(suggestion.place),
        "chat": suggestion.chat,
        "at": stamp(suggestion.at),
        "subscription": suggestion.subscription,
        "decision": suggestion.decision,
    }
    await store.note(SUGGESTIONS, suggestion.key, json.dumps(value))
    for old in (await suggestions(store)).values():
        if old.decision and suggestion.at - old.at > KEPT_FOR:
            await store.note(SUGGESTIONS, old.key, None)


async def forget_chat(store: Notes, channel: str, address: str) -> None:
    """Delete from the suggestions which of them a chat made. The sites themselves stay for the operator."""
    for each in (await suggestions(store)).values():
        if each.chat == fingerprint_of(channel, address):
            await keep_suggestion(store, replace(each, chat="", subscription=""))


def suggestion_key(address: str) -> str:
    """Return the key of a suggested address, the same with and without www. and https. It fits on a button."""
    plain = re.sub(r"^https?://(?:www\.)?", "https://", address.casefold().rstrip("/"))
    return sha256(plain.encode()).hexdigest()[:10]


# ── added sources ────────────────────────────────────────────────────────────────────────────────────────────────────


async def add_source(store: Notes, place: Place) -> None:
    """Add a source beside the catalog's files."""
    await store.note(ADDED, place.name, json.dumps(place_json(place)))


async def added_sources(store: Notes) -> Mapping[str, Place]:
    """Return the sources that were added in chat, by name."""
    found = (place_from(json.loads(text)) for text in (await store.notes(ADDED)).values())
    return {place.name: place for place in found if place is not None}


def place_json(place: Place) -> dict[str, object]:
    """Return a place as JSON, without empty fields."""
    values = {name: value for name, value in asdict(place).items() if value not in (None, "")}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def place_from(value: Mapping[str, object]) -> Place | None:
    """Return a stored place. Return None for one that this version can't read, and log it."""
    known = {field.name for field in fields(Place)}
    try:
        place = Place(**{name: each for name, each in value.items() if name in known})  # type: ignore[arg-type]
        verified = date.fromisoformat(str(place.verified)) if place.verified else None
        return replace(place, verified=verified, sure=Certainty(place.sure) if place.sure else None)
    except (TypeError, ValueError) as fault:
        log.warning("a stored source can't be read", name=str(value.get("name")), problem=str(fault))
        return None


def verified_on(status: SourceStatus | None, place: Place) -> date | None:
    """Return the day when a source counted as verified: the catalog's, or that of its first good reading."""
    if place.verified is not None:
        return place.verified
    here = of_this_source(place, status) if status is not None else None
    return here.verified_at.date() if here is not None and here.verified_at is not None else None
