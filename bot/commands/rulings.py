"""The operator's decisions: approve or reject a held list, and retract a change. Each one is logged."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from bot.commands.as_json import JsonObject, change_json, effect_json, held_json
from bot.domain.change import NEVER_CHOSEN, Change, Kind, Reason
from bot.domain.chat.operator import reason_in
from bot.domain.language import Language
from bot.domain.lists.vetting import Held, Ruling
from bot.domain.source_status import ICE
from bot.domain.text.reasons import reasons_for
from bot.errors import UsageError
from bot.pipeline.audience import of_approval, of_retraction
from bot.pipeline.poll_list import rule
from bot.pipeline.runner import Runner
from bot.store import Record

PATIENCE = 60.0  # seconds to wait for a reading of the same source to finish
RULINGS = "ruling"  # the kind of note that keeps the ruling on each version of a held listing
TERMINAL: Mapping[str, str] = {"channel": "command line"}  # who decided, in the log
_NO_REASON = (
    "Give a reason that people who got the change will read: {reasons}. Or give it in your own words: --because “…”."
)

log = structlog.get_logger()


class Overtaken(UsageError):
    """Raised when a held listing was replaced or decided on before the operator's decision arrived."""


# ── held lists ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def approve(runner: Runner, *, held: str, dry_run: bool = False) -> JsonObject:
    """Accept a held listing. The resulting changes are recorded and sent to subscribers.

    With `dry_run`, only return the changes and who would be told.
    """
    if not dry_run:
        return await ruled(runner, held, Ruling.APPROVED)
    effect = await of_approval(runner, await _held(runner, held))
    return {
        "changes": [change_json(change) for change in effect.changes],
        "held": [held_json(one) for one in await runner.store.held()],
        "effect": effect_json(effect),
    }


async def reject(runner: Runner, *, held: str) -> JsonObject:
    """Reject a held listing permanently, no matter how long ICE publishes it."""
    return await ruled(runner, held, Ruling.REJECTED)


async def ruled(
    runner: Runner, held_id: str, ruling: Ruling, *, version: str | None = None, by: Mapping[str, str] = TERMINAL
) -> JsonObject:
    """Rule on a held listing, and log who did.

    If `version` is given, raise Overtaken unless the listing still has that version. Two programs never rule on the
    same version.
    """
    name = next((h.source for h in await runner.store.held() if h.id == held_id), ICE)
    source = runner.sources.get(name)
    if source is None:
        raise UsageError("COUNTERSIGN_SOURCES leaves out ICE's lists, so there is nothing to approve or reject.")
    async with runner.exclusive(f"source {source.name}", PATIENCE):  # readings and rulings replace the held listings
        before = next((h for h in await runner.store.held() if h.id == held_id), None)
        if version is not None and (before is None or before.version != version):
            raise Overtaken(f"Held listing {held_id} has since been replaced or decided.")
        done = await rule(held_id, ruling, source=source, store=runner.store, now=runner.now)
        if before is not None:
            await runner.store.note(RULINGS, f"{before.id} {before.version}", ruling.value)
            log.info("the operator ruled on a held list", ruling=ruling.value, **before.log_context(), **by)
    return {
        "changes": [change_json(change) for change in done.changes],
        "held": [held_json(held) for held in done.held],
    }


async def _held(runner: Runner, held_id: str) -> Held:
    held = next((h for h in await runner.store.held() if h.id == held_id), None)
    if held is None:
        raise UsageError(f"No held listing has the number {held_id}. `countersign held` lists them.")
    if held.source not in runner.sources:
        raise UsageError("COUNTERSIGN_SOURCES leaves out ICE's lists, so there is nothing to approve or reject.")
    return held


# ── retractions ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def retract(
    runner: Runner,
    *,
    seq: int,
    because: str | None = None,
    because_es: str | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> JsonObject:
    """Retract a change and notify everyone who received it. The log keeps both the change and the retraction.

    With `dry_run`, only return who would be told, and what they would read.
    """
    _refuse_empty(because, because_es)
    wrong = await retractable(runner, seq)
    retraction = retraction_of(wrong, *_checked(wrong, because, because_es, reason))
    effect = effect_json(await of_retraction(runner, retraction))
    if dry_run:
        return {"change": change_json(retraction), "effect": effect}
    return {"change": change_json(await commit_retraction(runner, retraction)), "effect": effect}


async def retractable(runner: Runner, seq: int) -> Change:
    """Return the change with this number. Raise UsageError if it can't be retracted."""
    log_so_far = await runner.store.changes()
    wrong = next((change for change in log_so_far if change.seq == seq), None)
    if wrong is None or wrong.kind in NEVER_CHOSEN:
        raise UsageError(f"Change {seq} doesn't exist or was never sent. `countersign changes --json` lists changes.")
    if any(change.retracts == seq for change in log_so_far):
        raise UsageError(f"Change {seq} was already retracted.")
    return wrong


def retraction_of(wrong: Change, reason: Reason, words: Mapping[Language, str]) -> Change:
    """Return the retraction of a change, not numbered yet. `words` are the operator's words in each language."""
    return replace(
        wrong,
        kind=Kind.RETRACTED,
        retracted=wrong.kind,
        retracts=wrong.seq,
        reason=reason,
        because=words.get(Language.ENGLISH, ""),
        because_in={language: text for language, text in words.items() if language is not Language.ENGLISH},
        seq=0,
        recorded_at=None,
    )


async def commit_retraction(runner: Runner, retraction: Change, *, by: Mapping[str, str] = TERMINAL) -> Change:
    """Record a retraction, and log who made it. Raise UsageError if the change was retracted in the meantime."""
    assert retraction.retracts is not None
    async with runner.exclusive(f"source {ICE}", PATIENCE):  # it is committed with that source's status
        await retractable(runner, retraction.retracts)
        status = await runner.store.source_status(ICE)
        record = Record(status=status, recorded_at=runner.now(), known=None, changes=(retraction,), held=None)
        (change,) = await runner.store.record(record)
    log.info("the operator retracted a change", retracts=change.retracts, reason=change.reason, seq=change.seq, **by)
    return change


def _refuse_empty(because: str | None, because_es: str | None) -> None:
    for option, text in (("--because", because), ("--because-es", because_es)):
        if text is not None and not text.strip():
            raise UsageError(
                f'{option} is empty. Give the reason in a sentence for the people who got the change: {option} "…".'
            )


def _checked(
    wrong: Change, because: str | None, because_es: str | None, reason: str | None
) -> tuple[Reason, Mapping[Language, str]]:
    """Return the reason and the operator's words. Raise UsageError if they would leave readers without a reason."""
    choices = reasons_for(wrong)
    chosen = reason_in(reason) if reason is not None else Reason.OTHER
    named = ", ".join(f"--reason {each}" for each in choices if each is not Reason.OTHER)
    if chosen not in choices or chosen is None:
        raise UsageError(f"{reason!r} isn't a reason for this change. Choose one of: {', '.join(choices)}.")
    words = {Language.ENGLISH: because, Language.SPANISH: because_es}
    given = {language: text.strip() for language, text in words.items() if text is not None}
    if chosen is Reason.OTHER and not given:
        raise UsageError(_NO_REASON.format(reasons=named))
    return chosen, given
