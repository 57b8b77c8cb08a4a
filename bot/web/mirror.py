"""GET /mirror: our reading of ICE's lists, which other installations of Countersign can read instead of ICE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from bot.channels import HttpAnswer
from bot.domain.document import digest
from bot.pipeline.mirror import mirrored
from bot.sources.formats.handover_json import to_json
from bot.store import Store
from bot.web.etags import is_known

PATH, DOCUMENT_PATH = "/mirror", "/mirror/{sha256:[0-9a-f]{64}}"
_DOCUMENT = re.compile(r"/mirror/([0-9a-f]{64})")
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Mirror:
    """Serves the last reading as JSON, and the bytes of its documents by their hash."""

    store: Store
    page: str

    async def reading(self, _: str, headers: Mapping[str, str], __: bytes) -> HttpAnswer:
        """Answer with the last reading, or with 304 if the reader has it."""
        handover = await mirrored(self.store, self.page)
        if handover is None:
            return HttpAnswer(HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"ICE's list hasn't been read here yet.\n")
        body = to_json(handover)
        etag = digest(body)[:32]
        said = {"ETag": f'"{etag}"', "Cache-Control": "no-cache", "Content-Type": "application/json"}
        has_it = is_known(etag, headers.get("If-None-Match", ""))
        return HttpAnswer(304, said) if has_it else HttpAnswer(200, said, body)

    async def document(self, path: str, _: Mapping[str, str], __: bytes) -> HttpAnswer:
        """Answer with the bytes of a document of the last reading."""
        found = _DOCUMENT.fullmatch(path.partition("?")[0])
        handover = await mirrored(self.store, self.page)
        served = {document.sha256 for document in handover.documents} if handover is not None else set()
        document = await self.store.evidence(found[1]) if found is not None and found[1] in served else None
        if document is None:
            return HttpAnswer(
                HTTPStatus.NOT_FOUND,
                _TEXT,
                b"This document isn't in the last reading. /mirror lists the ones that are.\n",
            )
        said = {"Content-Type": "application/octet-stream", "Cache-Control": "public, max-age=31536000, immutable"}
        return HttpAnswer(200, said, document.body)
