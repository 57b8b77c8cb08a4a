"""What arrived in a chat, held against what the change log says it was owed.

The messages of a chat are read in the order in which they arrived. Each must be the next part of a digest that follows
on what was told before, or a repetition of an earlier one for which there is an excuse:

- the platform had stored the earlier one but said that it had not (a fault), or never said anything;
- the program was killed while that message was on its way, or before it had noted that it had arrived: at most one
  message for each kill and subscription.

What a digest says of a stretch of the log is composed by the program's own pure code; whether it says enough is checked
once more without it, by looking for the names of the agencies.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from bot.channels import Sender
from bot.domain.change import TOLD_BY_DEFAULT, Change
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.subscription import ALL_STATES, Subscription


@dataclass(frozen=True)
class Arrival:
    """A message that a platform stored: `period` counts the kills before it was sent.

    `denied`: its sender was told that it had failed, or had given up waiting. `unheard`: its sender was gone.
    """

    text: str
    period: int
    denied: bool = False
    unheard: bool = False


@dataclass
class Verdict:
    """What of one subscription's messages was as it should be; all numbers but the first three have to be 0."""

    told: int = 0  # changes
    after_kill: int = 0  # messages that a kill excuses
    after_fault: int = 0  # messages that the platform excuses
    pairs: int = 0  # changes named in repeated messages
    most_for_a_kill: int = 0
    lost: int = 0  # changes
    inexcusable: int = 0  # messages repeated
    strange: int = 0  # messages that nobody is owed, or in the wrong order

    def __add__(self, other: "Verdict") -> "Verdict":
        most = max(self.most_for_a_kill, other.most_for_a_kill)
        added = {name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        return Verdict(**added | {"most_for_a_kill": most})

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.inexcusable or self.strange) and self.most_for_a_kill <= 1


@dataclass
class Owed:
    """The messages that tell one subscription any stretch of the log, cut only where a reading ended."""

    subscription: Subscription
    changes: Sequence[Change]
    channel: Sender
    page: str
    _known: dict[tuple[int, int], tuple[tuple[str, int], ...]] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """The last change that it is not owed because it was there before."""
        return min(self.subscription.filter.states.values())

    @cached_property
    def ends(self) -> list[int]:
        """The numbers of the changes with which a reading ended, after the start."""
        last = [b.seq for b, after in pairwise(self.changes) if b.publication.evidence != after.publication.evidence]
        return [seq for seq in (*last, self.changes[-1].seq) if seq > self.start]

    def messages(self, after: int, upto: int) -> tuple[tuple[str, int], ...]:
        """The texts that tell what lies in between, each with how many changes it names."""
        if (after, upto) not in self._known:
            owing = replace(self.subscription, cursor=after)
            digest = compose(owing, self.changes[after:upto], upto=upto, about=Circumstances(page=self.page))
            parts = self.channel.render(digest) if digest is not None else ()
            self._known[after, upto] = tuple((part.plain.strip(), len(part.covers)) for part in parts)
        return self._known[after, upto]

    def first(self, after: int, upto: int) -> str | None:
        """The first of those texts."""
        return next((text for text, _ in self.messages(after, upto)), None)

    def names(self, after: int, upto: int) -> int:
        """How many changes the messages about that stretch name."""
        return sum(names for _, names in self.messages(after, upto))

    def stretches(self, after: int, text: str) -> Iterator[int]:
        """How far a digest may go that begins with this text and follows on that change, the nearest end first.

        What is renamed, or is replaced by as much, may show only in a later part.
        """
        return (end for end in self.ends if end > after and text == self.first(after, end))


def judge(owed: Owed, arrivals: Sequence[Arrival]) -> Verdict:
    """Read a chat from the beginning."""
    return _Reader(owed).read(arrivals)


class _Reader:
    def __init__(self, owed: Owed) -> None:
        self._owed = owed
        self._verdict = Verdict()
        self._at = owed.start  # everything up to here is told
        self._coming: list[tuple[str, int]] = []  # the parts that have to come next
        self._end = owed.start  # where the digest ends that they belong to
        self._others: list[
            tuple[int, list[tuple[str, int]]]
        ] = []  # other ends with the same parts so far, and the next
        self._copies: dict[
            str, tuple[Arrival, int]
        ] = {}  # the last copy of each message, and how many changes it names
        self._killed: Counter[int] = Counter()  # messages that each kill excused

    def read(self, arrivals: Sequence[Arrival]) -> Verdict:
        for arrival in arrivals:
            self._take(arrival)
        if self._coming:
            self._verdict.lost += sum(names for _, names in self._coming)
            self._at = self._end
        self._verdict.lost += self._owed.names(self._at, self._owed.changes[-1].seq)
        self._verdict.most_for_a_kill = max(self._killed.values(), default=0)
        return self._verdict

    def _take(self, arrival: Arrival) -> None:
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
        """Whether the digest that is being told is one that goes on otherwise than the one it was taken for."""
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
        """A new digest; what lies between it and the one before is lost."""
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
    """The lines of `countersign changes --json` that one subscription is owed."""
    states, start = subscription.filter.states, min(subscription.filter.states.values())
    return [
        line
        for line in log
        if line["seq"] > start and line["kind"] in TOLD_BY_DEFAULT and (ALL_STATES in states or line["state"] in states)
    ]


def never_named(
    log: Sequence[Mapping], listed: Iterable[Mapping], subscription: Subscription, texts: Iterable[str]
) -> list[Mapping]:
    """The agreements that were signed and are on the list still, and whose agency no message of a chat names."""
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
