"""What has happened in the demonstration so far: the scenes and the lines of the timeline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Scene(StrEnum):
    """The scenes, in the order in which they happen. The value is what the page calls each."""

    JOINED = "An agency joins ICE's list"
    SPANISH = "Spanish beside English"
    RESPELLED = "ICE respells a name, and no one is told"
    AGENDA = "A council puts 287(g) on its agenda"
    DIGEST = "A daily digest with its picture"
    LISTED = "The agenda item becomes a listing"
    LEFT = "An agency is no longer on ICE's list"
    HELD = "A doubtful list waits for you"


class Mark(StrEnum):
    """The kind of a line: who or what it is about."""

    ICE = "ice"
    TOLD = "told"
    QUIET = "quiet"
    TOWN = "town"
    HELD = "held"
    CLOCK = "clock"
    END = "end"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline. `at` is a time of the demonstration's clock."""

    number: int
    at: datetime
    mark: Mark
    text: str


@dataclass
class Story:
    """The timeline. `waits` is true while the visitor has to decide, and `is_over` once the season has ended.

    `told` is called with each new line.
    """

    now: Callable[[], datetime]
    told: Callable[[Line], None] = lambda _: None
    lines: list[Line] = field(default_factory=list)
    done: set[Scene] = field(default_factory=set)
    current: Scene | None = None
    waits: bool = False
    is_over: bool = False

    def add(self, mark: Mark, text: str) -> None:
        """Add a line."""
        line = Line(len(self.lines) + 1, self.now(), mark, text)
        self.lines.append(line)
        self.told(line)

    def begin(self, scene: Scene) -> None:
        """Go on with the next scene."""
        self.current = scene

    def end(self, *scenes: Scene) -> None:
        """Mark scenes as having happened."""
        self.done |= {*scenes}
