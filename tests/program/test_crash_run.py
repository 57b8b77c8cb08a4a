"""The crash harness holds the program to its promise, and notices when the program breaks it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "crash.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def figure(done: subprocess.CompletedProcess[str], name: str) -> int:
    (found,) = re.findall(rf"^{name} +([\d,]+)", done.stdout, re.MULTILINE)
    return int(found.replace(",", ""))


@pytest.mark.slow
def test_twenty_kills_and_some_faults_lose_nothing_and_repeat_no_more_than_they_must():
    done = run("--kills", "20", "--faults", "8", "--seed", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert figure(done, "kills") == 20
    assert figure(done, "faults met") == 8
    assert figure(done, "changes lost") == 0


@pytest.mark.slow
def test_a_tenth_of_all_sends_refused_in_passing_silences_no_chat_and_loses_nothing():
    done = run("--kills", "10", "--refusals", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert figure(done, "sends refused in passing") > 0
    assert figure(done, "changes lost") == 0


@pytest.mark.slow
def test_the_harness_catches_a_program_that_moves_its_cursor_before_it_sends():
    done = run("--kills", "6", "--cursor-first", "--archive", "/nowhere")
    assert done.returncode == 1, done.stdout + done.stderr
    assert figure(done, "changes lost") > 0
    assert figure(done, "signed agencies that a chat was never told by name") > 0


# ── the audit on its own ─────────────────────────────────────────────────────────────────────────────────────────────


class Log:
    """A log of five changes. A message names the changes it covers by their digits."""

    start = 0
    ends = range(1, 6)
    changes = (SimpleNamespace(seq=5),)  # only the last one is looked at

    def messages(self, after: int, upto: int) -> tuple[tuple[str, int], ...]:
        return (("".join(map(str, range(after + 1, upto + 1))), upto - after),) if upto > after else ()

    def names(self, after: int, upto: int) -> int:
        return upto - after

    def stretches(self, after: int, text: str) -> Iterator[int]:
        return (end for end in self.ends if end > after and self.messages(after, end)[0][0] == text)


@pytest.fixture
def judged(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from audit import Arrival, judge

    def judged(*told: tuple, log: Log | None = None) -> dict[str, int]:
        """Judge messages, each a text, the number of kills before it and words on what the platform did."""
        log = log or Log()
        arrivals = [
            Arrival(text, period, denied="denied" in words, unheard="unheard" in words) for text, period, *words in told
        ]
        return {name: value for name, value in vars(judge(log, arrivals)).items() if value}

    return judged


def test_changes_told_once_and_in_order_are_good_in_any_number_of_messages(judged):
    assert judged(("12345", 0)) == {"told": 5}
    assert judged(("1", 0), ("23", 1), ("4", 1), ("5", 7)) == {"told": 5}


class Parts(Log):
    """The same log in two-part digests, whose first part is the same wherever the digest ends."""

    ends = (3, 5)

    def messages(self, after: int, upto: int) -> tuple[tuple[str, int], ...]:
        return ((f"{after + 1}…", 1), *super().messages(after + 1, upto)) if upto > after else ()


def test_digests_that_begin_alike_are_told_apart_by_their_later_parts(judged):
    assert judged(("1…", 0), ("2345", 0), log=Parts()) == {"told": 5}
    assert judged(("1…", 0), ("23", 0), ("4…", 0), ("5", 0), log=Parts()) == {"told": 5}
    assert judged(("1…", 0), ("23", 0), log=Parts()) == {"told": 3, "lost": 2}
    assert judged(("1…", 0), ("9", 0), log=Parts())["strange"] == 1


def test_a_change_left_out_is_lost_wherever_it_was(judged):
    assert judged(("12", 0), ("5", 0)) == {"told": 3, "lost": 2}
    assert judged(("23", 0), ("45", 0)) == {"told": 4, "lost": 1}
    assert judged(("123", 0)) == {"told": 3, "lost": 2}
    assert judged() == {"lost": 5}


def test_a_kill_excuses_one_repeated_message_and_no_more(judged):
    once = judged(("12", 0, "unheard"), ("12", 1), ("345", 1))
    assert once == {"told": 5, "after_kill": 1, "pairs": 2, "most_for_a_kill": 1}
    twice = judged(("1", 0), ("2", 0), ("1", 1), ("2", 1), ("345", 1))
    assert twice["most_for_a_kill"] == 2


def test_a_platform_that_stored_a_message_it_refused_excuses_a_repeat(judged):
    assert judged(("12345", 0, "denied"), ("12345", 0)) == {"told": 5, "after_fault": 1, "pairs": 5}
    assert judged(("12345", 0), ("12345", 0)) == {"told": 5, "inexcusable": 1, "pairs": 5}


def test_a_message_no_one_is_owed_is_strange_and_so_are_other_words(judged):
    assert judged(("12", 0), ("9", 0), ("345", 0)) == {"told": 5, "strange": 1}
    assert judged(("12", 0), ("2345", 0), ("345", 0)) == {"told": 5, "strange": 1}


@pytest.mark.slow
def test_commands_delivered_up_to_three_times_are_each_handled_once():
    done = run("--kills", "10", "--typists", "6", "--seed", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert figure(done, "commands typed") > 0
    assert figure(done, "chats whose commands weren't each handled once") == 0
