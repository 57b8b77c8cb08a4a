"""Changes and agreements as JSON, for `--json`, webhooks and everything else that programs read.

You may add fields, but never rename or remove any. Times are in UTC and end in Z. Pure.
"""

from datetime import UTC
from typing import Any

from bot.domain.agenda import Mention
from bot.domain.agreement import Agreement, Publication
from bot.domain.change import Change
from bot.domain.geography.fold import county_of, find_county
from bot.domain.language import Language
from bot.domain.lists.signing_dates import is_doubtful
from bot.domain.timestamps import stamp, stamp_of

JsonObject = dict[str, Any]


def change_json(change: Change) -> JsonObject:
    """Return a change as a flat JSON object."""
    agreement, on_list = change.agreement, change.mention is None
    return {
        "seq": change.seq,
        "observed_at": stamp(change.publication.observed_at),
        "recorded_at": stamp_of(change.recorded_at),
        "kind": change.kind.value,
        "list": change.list.value if on_list else None,
        "state": agreement.state,
        "agency": agreement.agency,
        "support_type": agreement.support_type.value if on_list else None,
        "agency_type": agreement.agency_type,
        "county": agreement.county,
        "signed": agreement.signed.isoformat() if agreement.signed else None,
        "signed_doubtful": is_doubtful(agreement),
        "moa": agreement.moa,
        "addendum": agreement.addendum,
        "evidence": change.publication.evidence,
        "row": change.row,
        "publication": change.publication.name,
        "address": change.publication.address,
        "way": change.publication.way.value,
        "before": _before_json(change.before, change.row_before) if change.before else None,
        "was": agreement_json(change.was, change.row_before) if change.was else None,
        "because": change.because,
        "because_es": change.because_in.get(Language.SPANISH, ""),
        "reason": change.reason.value if change.reason else None,
        "pending_since": change.pending_since.isoformat() if change.pending_since else None,
        "retracts": change.retracts,
        "printed": dict(agreement.printed),
        "mention": _mention_json(change.mention) if change.mention else None,
    }


def _mention_json(mention: Mention) -> JsonObject:
    """Return a mention as a JSON object. `meets_at` is in UTC. `date` is the local date in the time zone `zone`."""
    return {
        "source": mention.source,
        "item": mention.item,
        "state": mention.state,
        "county": mention.county,
        "body": mention.body,
        "title": mention.title,
        "date": mention.meets_on.isoformat() if mention.meets_on else None,
        "meets_at": stamp(mention.meets_at.astimezone(UTC)) if mention.meets_at else None,
        "zone": mention.zone,
        "status": mention.status,
        "matched": list(mention.matched),
        "excerpt": mention.excerpt,
        "page": mention.page,
        "by_ocr": mention.by_ocr,
        "address": mention.address,
        "evidence": mention.evidence,
        "listed": None if mention.listed is None else [agreement_json(a, None) for a in mention.listed],
        "already": mention.already,
        "subject": mention.subject.value,
        "before": _mention_json(mention.before) if mention.before else None,
    }


def _before_json(publication: Publication, row: int | None) -> JsonObject:
    return {"evidence": publication.evidence, "publication": publication.name, "row": row}


def agreement_json(agreement: Agreement, row: int | None) -> JsonObject:
    """Return an agreement as a JSON object. The object includes the agreement's row number on the list, if known."""
    county = county_of(agreement.state, agreement.county, agreement.agency)
    return {
        "state": agreement.state,
        "agency": agreement.agency,
        "support_type": agreement.support_type.value,
        "agency_type": agreement.agency_type,
        "county": agreement.county,
        "county_fips": county.fips if county else None,
        "county_by": _county_by(agreement) if county else None,
        "signed": agreement.signed.isoformat() if agreement.signed else None,
        "signed_doubtful": is_doubtful(agreement),
        "moa": agreement.moa,
        "addendum": agreement.addendum,
        "row": row,
        "printed": dict(agreement.printed),
    }


def _county_by(agreement: Agreement) -> str:
    """Return "ice" if ICE printed the county, or "ours" if it's our reading of the agency's name or the table."""
    return "ice" if agreement.county and find_county(agreement.state, agreement.county) else "ours"
