"""The JSON printed by `--json`: changes, agreements, subscriptions, receipts and held listings.

Other programs read these fields. You may add fields, but never rename or remove any. Times are in UTC and end in Z.
"""

from bot.domain.chat.operator import Effect
from bot.domain.chat.replies import watched
from bot.domain.language import Language
from bot.domain.lists.vetting import Held
from bot.domain.messages.change_json import JsonObject as JsonObject  # noqa: PLC0414 - all JSON is found here
from bot.domain.messages.change_json import agreement_json as agreement_json  # noqa: PLC0414 - the same
from bot.domain.messages.change_json import change_json as change_json  # noqa: PLC0414 - the same
from bot.domain.subscription import ALL_STATES, Receipt, Subscription
from bot.domain.timestamps import stamp_of


def subscription_json(subscription: Subscription) -> JsonObject:
    """Return a subscription as a JSON object."""
    states = sorted(subscription.filter.states)
    return {
        "id": subscription.id,
        "channel": subscription.channel,
        "address": subscription.shown_address,
        "watches": watched(Language.ENGLISH, subscription.filter),
        "states": "all" if ALL_STATES in states else states,
        "counties": sorted(subscription.filter.counties),
        "agencies": sorted(subscription.filter.agencies),
        "agency_types": sorted(subscription.filter.agency_types),
        "support_types": sorted(subscription.filter.support_types),
        "kinds": sorted(subscription.filter.kinds),
        "cadence": subscription.cadence.value,
        "weekday": subscription.weekday,
        "at": f"{subscription.at:%H:%M}",
        "tz": subscription.tz,
        "language": subscription.language.value,
        "cursor": subscription.cursor,
        "due_at": stamp_of(subscription.due_at),
        "retry_at": stamp_of(subscription.retry_at),
        "paused": subscription.paused,
        "created_at": stamp_of(subscription.created_at),
    }


def receipt_json(receipt: Receipt) -> JsonObject:
    """Return a receipt as a JSON object."""
    return {
        "at": stamp_of(receipt.at),
        "subscription": receipt.subscription,
        "channel": receipt.channel,
        "address": receipt.address,
        "changes": list(receipt.changes),
        "part": receipt.part,
        "parts": receipt.parts,
        "message_id": receipt.message_id,
        "error": receipt.error,
    }


def held_json(held: Held) -> JsonObject:
    """Return a held listing as a JSON object, including the agreements that are missing from the listing."""
    return {
        "id": held.id,
        "list": held.list.value,
        "publication": held.publication.name,
        "evidence": held.publication.evidence,
        "reasons": list(held.reasons),
        "gone": [{"state": a.state, "agency": a.agency, "support_type": a.support_type.value} for a in held.gone],
        "since": stamp_of(held.since),
        "last_at": stamp_of(held.last_at),
        "readings": held.readings,
        "ruling": held.ruling.value if held.ruling else None,
    }


def effect_json(effect: Effect) -> JsonObject:
    """Return as a JSON object who would be told about a decision, and what one chat of each language would read."""
    return {
        "chats": effect.chats,
        "paused": effect.paused,
        "unserved": effect.unserved,
        "languages": {language.value: n for language, n in effect.languages.items()},
        "messages": {language.value: text for language, text in effect.messages.items()},
    }
