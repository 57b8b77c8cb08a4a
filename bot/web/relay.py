"""POST /relay: accepts a relay's readings of ICE's lists.

| answer | to a relay |
|---|---|
| 200 | accepted, or too old to change anything |
| 401 | the signature is missing, wrong, too old or used before |
| 409 | these documents are missing here, by their SHA-256; send the reading again with their bytes |
| 413 | too large |
| 422 | the reading isn't a list of ICE's, in words |
| 503 | another program is reading ICE's lists now, or the store isn't answering |
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog

from bot.channels import HttpAnswer
from bot.channels.protocols import TrustedAnswer
from bot.domain.document import digest
from bot.domain.relay_signature import Claim, checked
from bot.domain.timestamps import stamp
from bot.domain.way import Way
from bot.errors import HandoverRefused, LeaseLost, SourceError, StoreError
from bot.pipeline.runner import Runner
from bot.pipeline.take_over import WAITS, admit, take_over
from bot.sources.formats.handover_json import from_json
from bot.sources.ice import Ice
from bot.sources.other_ways import lacking

PATH = "/relay"
LARGEST_HANDOVER = 16 << 20  # bytes; ICE's page and both lists have less than two

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RelayDoor:
    """Accepts signed handovers and processes them under the source's lease."""

    runner: Runner
    ice: Ice
    secret: str

    def refusal(self, headers: Mapping[str, str]) -> HttpAnswer | None:
        """Return why a request is refused, before any of its body is read, or None if its signature is valid."""
        try:
            self._claim(headers)
        except HandoverRefused as fault:
            return _refused(HTTPStatus.UNAUTHORIZED, str(fault))
        size = headers.get("Content-Length", "")
        if size.isdecimal() and int(size) > LARGEST_HANDOVER:
            limit = LARGEST_HANDOVER >> 20
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A handover can't be larger than {limit} MiB.")
        return None

    async def receive(self, _: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Accept one handover."""
        try:
            claim = self._claim(headers)
            if digest(body) != claim.sha256:
                raise HandoverRefused("The body doesn't match its signature.")  # noqa: TRY301 - answered like the others
            return await self._taken(claim, body)
        except HandoverRefused as fault:
            return _refused(HTTPStatus.UNAUTHORIZED, str(fault))
        except SourceError as fault:
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(fault))
        except LeaseLost:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"said": "Another program is reading ICE's lists now."})
        except StoreError as fault:
            log.warning("a handover wasn't stored", problem=str(fault), summarize=True)
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"said": "The store isn't answering. Try again later."})

    def _claim(self, headers: Mapping[str, str]) -> Claim:
        return checked(headers, self.secret, self.runner.now())

    async def _taken(self, claim: Claim, body: bytes) -> HttpAnswer:
        handover, store, name = from_json(body, Way.RELAY), self.runner.store, self.ice.name
        async with self.runner.exclusive(f"source {name}", WAITS):
            await admit(store, claim.nonce, self.runner.now())
            missing = await lacking(handover, await store.source_status(name), store.evidence)
            if missing:
                return _answer(HTTPStatus.CONFLICT, {"missing": list(missing)})
            done = await take_over(self.ice, handover, store=store, now=self.runner.now(), every=self.runner.every)
        if done.poll is None:
            return _answer(HTTPStatus.OK, {"taken": False, "said": done.said})
        self.runner.observer.list_polled(done.poll)
        log.info("taken over from a relay", as_of=stamp(handover.as_of), changes=len(done.poll.changes))
        return _answer(HTTPStatus.OK, {"taken": True, "changes": len(done.poll.changes), "said": done.said})


def _refused(status: HTTPStatus, said: str) -> HttpAnswer:
    log.warning("a handover was refused", status=status.value, problem=said[:200], summarize=True)
    return HttpAnswer(status.value, _JSON, _body({"said": said}))


def _answer(status: HTTPStatus, found: Mapping[str, Any]) -> HttpAnswer:
    return TrustedAnswer(status.value, _JSON, _body(found))


def _body(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found).encode() + b"\n"


_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
