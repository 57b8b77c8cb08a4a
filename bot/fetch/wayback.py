"""The Internet Archive's Save Page Now, which keeps a copy of a public page as a second witness.

With an account's keys, we ask the documented API (Save Page Now 2): a capture is a job, and its status says where the
copy is. Without keys, we ask for the page of the same service that everyone can open. It shows the copy's address or
the job's id.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable
from bot.fetch.post import Posted, Poster

LONGEST_ANSWER = 256 * 1024  # bytes
WITHIN = "30m"  # an address that was captured this recently isn't captured again
_COPY = re.compile(r"/web/([0-9]{14})(?:[a-z]{2}_)?/")
_JOB = re.compile(r"[0-9A-Za-z-]{8,80}")
_JOB_ON_PAGE = re.compile(r"\bspn2-[0-9a-f]{16,64}\b")
_LASTING = (  # what a later try doesn't change, as the API names it
    "bad-request", "blocked", "filesize-limit", "forbidden", "invalid-url", "method-not-allowed", "no-access",
    "not-found", "not-implemented", "protocol-error", "ssl-error", "too-many-redirects", "unauthorized",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of a capture: the copy's address once it is there, and until then the job's id."""

    copy: str | None = None
    job: str | None = None


class Wayback:
    """A client of Save Page Now at `base`. `keys` are an account's keys, as in ACCESS:SECRET."""

    def __init__(self, poster: Poster, base: str, keys: SecretStr | None = None) -> None:
        self._poster = poster
        self._base = base.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if keys is not None:
            self._headers["Authorization"] = f"LOW {keys.get_secret_value()}"
        self._has_keys = keys is not None

    async def check(self, address: str) -> None:
        """Raise Unsafe if the address isn't public. Raise OSError or ValueError if its name can't be resolved."""
        await self._poster.check(address)

    async def save(self, address: str) -> Saved:
        """Ask for a capture. Raise Blocked if we should slow down and Missing if the Archive won't capture the page."""
        if self._has_keys:
            form = urlencode({"url": address, "if_not_archived_within": WITHIN}).encode()
            headers = self._headers | {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await self._poster.post(f"{self._base}/save", form, headers, cap=LONGEST_ANSWER)
        else:
            answer = await self._poster.get(f"{self._base}/save/{address}", {"Accept": "text/html"}, cap=LONGEST_ANSWER)
        return self._saved(address, answer)

    async def status(self, address: str, job: str) -> Saved:
        """Return the state of a capture of this address."""
        answer = await self._poster.get(f"{self._base}/save/status/{job}", self._headers, cap=LONGEST_ANSWER)
        return self._saved(address, answer, job)

    async def aclose(self) -> None:
        """Close the client."""
        await self._poster.aclose()

    def _saved(self, address: str, answer: Posted, job: str | None = None) -> Saved:
        _judge(answer)
        said = _said(answer.body)
        if said.get("status") == "error":
            raise _refusal(said)
        timestamp = _timestamp(said, answer)
        if timestamp is not None:
            return Saved(copy=f"{self._base}/web/{timestamp}/{address}")
        if job is None and (job := _job(said, answer.body)) is None:
            raise Unreadable("the Internet Archive's answer names neither a copy nor a job")
        return Saved(job=job)


def _judge(answer: Posted) -> None:
    """Raise an error unless the status is 2xx or a redirect, which may name the copy."""
    said = f"the Internet Archive answered {answer.status}"
    if answer.status == 429:
        raise Blocked(said, retry_after=answer.retry_after)
    if answer.status in {401, 403}:
        raise Blocked(f"{said}; COUNTERSIGN_WAYBACK_KEYS may help", retry_after=answer.retry_after)
    if answer.status >= 400:
        raise Unreachable(said, retry_after=answer.retry_after)


def _timestamp(said: Mapping[str, Any], answer: Posted) -> str | None:
    """Return the timestamp in the copy's address, or None if the copy isn't there yet."""
    if said.get("status") == "success" and re.fullmatch(r"[0-9]{14}", str(said.get("timestamp"))):
        return str(said["timestamp"])
    named = (answer.location, answer.headers.get("content-location"), answer.headers.get("link"))
    found = next(filter(None, (_COPY.search(text) for text in named if text)), None)
    return found[1] if found else None


def _job(said: Mapping[str, Any], body: bytes) -> str | None:
    """Return the id of the job that was begun. The page that everyone can open shows it in its script."""
    if _JOB.fullmatch(str(said.get("job_id") or "")):
        return str(said["job_id"])
    found = _JOB_ON_PAGE.search(body.decode("utf-8", errors="replace"))
    return found[0] if found else None


def _said(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:  # a page, or nothing; RecursionError can't happen within the limit on the size
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(said: Mapping[str, Any]) -> SourceError:
    name = str(said.get("status_ext") or "error").removeprefix("error:")[:60]
    kind = Missing if name.startswith(_LASTING) else Blocked if "too-many" in name or "limit" in name else Unreachable
    return kind(f"the Internet Archive couldn't capture the page ({name})")
