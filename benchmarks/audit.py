"""Compare the messages that arrived in a chat with those the change log says it was owed.

The audit reads the messages in the order they arrived. Each must be the next part of a digest that continues from the
last one, or a repetition of an earlier message with an excuse:

- The platform stored the earlier message but reported a failure, or never answered.
- The program was killed while the message was on its way or before it wrote the receipt. This excuses at most one
  message for each kill and subscription.

The program's own pure code composes the digest expected for a stretch of the log. As a check without that code, the
audit also looks for the names of the agencies.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from bot.channels import Sender, command_prefix
from bot.domain.change import TOLD_BY_DEFAULT, Change
from bot.domain.lists.totals import Standing
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.page_addresses import AddressBook, PageLinks
from bot.domain.subscription import ALL_STATES, Subscription


@dataclass(frozen=True)
class Arrival:
    """A message that a platform stored. `period` is the number of kills before it was sent.

    `denied` means that the platform reported a failure or answered too late, `unheard` that its sender was gone.
    """

    text: str
    period: int
    denied: bool = False
    unheard: bool = False


@dataclass
class Verdict:
    """The result for one subscription. `lost`, `inexcusable` and `strange` must be 0."""

    told: int = 0  # changes
    after_kill: int = 0  # messages repeated because of a kill
    after_fault: int = 0  # messages repeated because of the platform
    pairs: int = 0  # changes named in repeated messages
    most_for_a_kill: int = 0
    lost: int = 0  # changes
    inexcusable: int = 0  # messages repeated without an excuse
    strange: int = 0  # messages that no one is owed, or out of order

    def __add__(self, other: "Verdict") -> "Verdict":
        most = max(self.most_for_a_kill, other.most_for_a_kill)
        added = {name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        return Verdict(**added | {"most_for_a_kill": most})

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.inexcusable or self.strange) and self.most_for_a_kill <= 1


@dataclass
class Owed:
    """The messages one subscription should get for any stretch of the log that ends where a poll ended.

    `page` is the address of ICE's page, and `public_url` the address of the program's own pages, if they have one.
    """

    subscription: Subscription
    changes: Sequence[Change]
    channel: Sender
    page: str
    _known: dict[tuple[int, int], tuple[tuple[str, int], ...]] = field(default_factory=dict)
    public_url: str = ""

    @property
    def start(self) -> int:
        """The last change from before the subscription, which it isn't owed."""
        return min(self.subscription.filter.states.values())

    @cached_property
    def ends(self) -> list[int]:
        """The last change of each poll after the start."""
        last = [b.seq for b, after in pairwise(self.changes) if b.publication.evidence != after.publication.evidence]
        return [seq for seq in (*last, self.changes[-1].seq) if seq > self.start]

    def messages(self, after: int, upto: int) -> tuple[tuple[str, int], ...]:
        """Return the texts for the changes in between, each with the number of changes it names."""
        if (after, upto) not in self._known:
            owing = replace(self.subscription, cursor=after)
            digest = compose(owing, self.changes[after:upto], upto=upto, about=self._about(upto))
            parts = self.channel.render(digest) if digest is not None else ()
            self._known[after, upto] = tuple((compact(part.plain), len(part.covers)) for part in parts)
        return self._known[after, upto]

    def _about(self, upto: int) -> Circumstances:
        """Return what an alert says besides its changes, as `deliver` does."""
        standing = Standing().after(self.changes[:upto])
        prefix = command_prefix(self.subscription.channel)
        return Circumstances(page=self.page, standing=standing, links=self._links, prefix=prefix)

    @cached_property
    def _links(self) -> PageLinks | None:
        """The links to the pages, if there are any."""
        addresses = AddressBook()
        for change in self.changes:
            addresses.follow(change)
        language = self.subscription.language
        return (
            PageLinks(base=self.public_url, slugs=addresses.by_spelling, language=language) if self.public_url else None
        )

    def first(self, after: int, upto: int) -> str | None:
        """Return the first of those texts."""
        return next((text for text, _ in self.messages(after, upto)), None)

    def names(self, after: int, upto: int) -> int:
        """Return the number of changes that the messages for that stretch name."""
        return sum(names for _, names in self.messages(after, upto))

    def stretches(self, after: int, text: str) -> Iterator[int]:
        """Yield the possible ends of a digest that starts after `after` and begins with this text, nearest first.

        Two digests of different length may begin with the same part.
        """
        return (end for end in self.ends if end > after and text == self.first(after, end))


def compact(text: str) -> str:
    """Return a text without blank lines. In Slack's blocks, space takes their place."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def judge(owed: Owed, arrivals: Sequence[Arrival]) -> Verdict:
    """Audit a chat from its beginning."""
    return _Reader(owed).read(arrivals)


class _Reader:
    def __init__(self, owed: Owed) -> None:
        self._owed = owed
        self._verdict = Verdict()
        self._at = owed.start  # everything up to here has been told
        self._coming: list[tuple[str, int]] = []  # the parts that must come next
        self._end = owed.start  # the end of the digest they belong to
        # other digests that began alike: their end and their next parts
        self._others: list[tuple[int, list[tuple[str, int]]]] = []
        # the last copy of each message, and the number of changes it names
        self._copies: dict[str, tuple[Arrival, int]] = {}
        self._killed: Counter[int] = Counter()  # messages repeated because of each kill

    def read(self, arrivals: Sequence[Arrival]) -> Verdict:
        for arrival in arrivals:
            self._read_one(arrival)
        if self._coming:
            self._verdict.lost += sum(names for _, names in self._coming)
            self._at = self._end
        self._verdict.lost += self._owed.names(self._at, self._owed.changes[-1].seq)
        self._verdict.most_for_a_kill = max(self._killed.values(), default=0)
        return self._verdict

    def _read_one(self, arrival: Arrival) -> None:
        if self._coming and self._coming[0][0] == arrival.text:
            self._tell(arrival)
        elif arrival.text in self._copies:
            self._repeat(arrival)
        elif self._ends_elsewhere(arrival.text):
            self._tell(arrival)
        else:
            self._begin(arrival)

    def _tell(self, arrival: Arrival) -> None:
        text, names = self._coming.pop(0)
        self._others = [(end, parts[1:]) for end, parts in self._others if parts and parts[0][0] == text]
        self._copies[text] = arrival, names
        self._verdict.told += names
        if not self._coming:
            self._at = self._end

    def _ends_elsewhere(self, text: str) -> bool:
        """Switch to another digest that began alike and continues with this text; return whether there is one."""
        fitting = [(end, parts) for end, parts in self._others if parts and parts[0][0] == text]
        if fitting:
            self._others = fitting
            self._end, coming = fitting[0]
            self._coming = list(coming)
        return bool(fitting)

    def _repeat(self, arrival: Arrival) -> None:
        before, names = self._copies[arrival.text]
        self._copies[arrival.text] = arrival, names
        self._verdict.pairs += names
        if before.denied:
            self._verdict.after_fault += 1
        elif before.period < arrival.period:
            self._verdict.after_kill += 1
            self._killed[before.period] += 1
        elif before.unheard:
            self._verdict.after_fault += 1
        else:
            self._verdict.inexcusable += 1

    def _begin(self, arrival: Arrival) -> None:
        """Begin a new digest. The changes between it and the one before are lost."""
        lost = sum(names for _, names in self._coming)
        first = self._end if self._coming else self._at
        for after in (first, *(end for end in self._owed.ends if end > first)):
            ends = self._owed.stretches(after, arrival.text)
            end = next(ends, None)
            if end is not None:
                self._verdict.lost += lost + self._owed.names(first, after)
                self._coming, self._end = list(self._owed.messages(after, end)), end
                of_several = len(self._coming) > 1
                self._others = [(e, list(self._owed.messages(after, e))) for e in ends] if of_several else []
                self._tell(arrival)
                return
        self._verdict.strange += 1


def owed_pairs(log: Iterable[Mapping], subscription: Subscription) -> list[Mapping]:
    """Return the lines of `countersign changes --json` that one subscription is owed."""
    states, start = subscription.filter.states, min(subscription.filter.states.values())
    return [
        line
        for line in log
        if line["seq"] > start and line["kind"] in TOLD_BY_DEFAULT and (ALL_STATES in states or line["state"] in states)
    ]


def never_named(
    log: Sequence[Mapping], listed: Iterable[Mapping], subscription: Subscription, texts: Iterable[str]
) -> list[Mapping]:
    """Return the agreements that were signed, are still listed, and whose agency no message in the chat names."""
    said = "\n".join(texts)
    still = {(a["state"], a["agency"], a["support_type"]) for a in listed}
    last: dict[tuple, Mapping] = defaultdict(dict)
    for line in log:
        last[line["state"], line["agency"], line["support_type"]] = line
    return [
        line
        for line in owed_pairs(log, subscription)
        if line["kind"] == "signed"
        and (key := (line["state"], line["agency"], line["support_type"])) in still
        and last[key]["seq"] == line["seq"]
        and line["agency"] not in said
    ]
