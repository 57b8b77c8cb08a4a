"""Every command of docs/operate.md, as it's printed there and in its order, on a store of its own."""

import re
import shlex
import shutil
from datetime import timedelta

import pytest
from support.program import row, world
from support.releases import ROOT
from support.sample_lists import A_DAY, SIGNED

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = [
    line
    for block in BLOCK.findall((ROOT / "docs" / "operate.md").read_text())
    for line in block.splitlines()
    if line.startswith("countersign ")
]


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.home = tmp_path
        yield made


def publish(here, towns, day):
    """Publish a list of this many agencies, and read it."""
    rows = [row("TEXAS", f"Town {n} Police Department", signed=SIGNED) for n in range(towns)]
    name = f"participatingAgencies{A_DAY + timedelta(days=day):%m%d%Y}am.xlsx"
    here.publish_rows(name, rows, at=A_DAY + timedelta(days=day))
    here.run("poll", COUNTERSIGN_SOURCES="ice")


def held_id(here):
    [found] = here.lines("held")
    return found["id"]


@pytest.mark.slow
def test_every_command_of_the_document_does_what_it_says(here, database, tmp_path):
    here.run("subscribe", "telegram", "42", "--states", "TX")
    for day, towns in enumerate((39, 40, 25)):  # a list, a new agreement, and a list that is held
        publish(here, towns, day)
    here.run("deliver")
    known = {"78bc820e": held_id(here), "4321": str(here.lines("changes")[-1]["seq"]), "$DATABASE_URL": database}
    done = []
    for line in LINES:
        words = [known.get(word, word) for word in shlex.split(line)[1:]]
        if words[0] == "check":
            continue  # it asks the real platforms too; tests of its own run it
        if words[:2] == ["restore", "countersign.backup"] and "--to" not in words:
            shutil.move(tmp_path / "data", tmp_path / "data.old")  # as the document says
        if words[0] == "reject":
            publish(here, 12, 3)
            words[1] = held_id(here)
        answer = here.run(*words)
        done.append((words[0], answer.stdout + answer.stderr))
    said = dict(done)
    assert "same counts and SHA-256" in said["restore"]
    assert "same counts and SHA-256" in said["move"]
    assert "Town 39 Police Department" in said["changes"]
    assert {"backup", "restore", "move", "approve", "reject", "retract", "test"} <= set(said)
    assert {path.name for path in tmp_path.iterdir()} >= {"countersign.backup", "rehearsal", "data", "data.old"}
    assert any((tmp_path / "rehearsal").glob("journal-*.jsonl"))
