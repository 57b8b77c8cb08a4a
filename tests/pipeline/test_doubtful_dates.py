"""A date that no list can bear out is told with its doubt, at once and days later, in every channel and in the data."""

import csv
from datetime import datetime, timedelta
from io import StringIO

import pytest
from support.program import row, texts, world
from support.sample_lists import A_DAY, SHERIFFS

MOA = "https://www.ice.gov/doclib/287gMOA/{}.pdf"
TASK_FORCE = "Task Force Model"


def day(year, month=11, number=18):
    return datetime(year, month, number)  # noqa: DTZ001 - a date cell has no zone


def newcomer(agency, signed):
    return row("TEXAS", f"{agency} Police Department", TASK_FORCE, signed, "Shelby County")


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        made.run("poll")
        made.run("subscribe", "telegram", "42", "--states", "TX")
        made.run("subscribe", "slack", "C0123456789", "--states", "all")
        made.run("subscribe", "telegram", "43", "--states", "TX", "--language", "es")
        yield made


def publish(here, rows, hours, links=None):
    at = A_DAY + timedelta(hours=hours)
    here.publish_rows(f"participatingAgencies{at:%m%d%Y}{at:%H}.xlsx", rows, at=at, links=links or {})
    here.run("poll")


def test_a_new_agreement_with_a_doubtful_date_is_told_with_the_doubt_in_every_channel(here):
    rows = [*SHERIFFS, newcomer("Tenaha", day(2025)), newcomer("Timpson", day(2016)), newcomer("Center", day(2062))]
    publish(here, [*rows, newcomer("Joaquin", day(2026))], 4)
    here.run("deliver")
    spanish = texts(here.telegram.messages, "43")
    for text in (texts(here.telegram.messages, "42"), str(here.slack.messages[-1])):
        for year in (2025, 2016, 2062):
            assert f", signing date unclear: ICE's list says Nov. 18, {year}, which may be a typo" in text
            assert f"signed Nov. 18, {year}" not in text
        assert "signed Nov. 18, 2026" in text
    assert "la lista de ICE dice 18 de noviembre de 2025, que puede ser un error tipográfico" in spanish
    assert "firmado el 18 de noviembre de 2025" not in spanish


def test_the_name_of_the_moas_file_is_given_as_evidence(here):
    rows = [*SHERIFFS, newcomer("Tenaha", day(2025)), newcomer("Timpson", day(2025))]
    links = {f"G{len(rows)}": MOA.format("TenahaPDTX_TFM_MOA_11182026"), f"G{len(rows) + 1}": MOA.format("T_11182025")}
    publish(here, rows, 4, links)
    here.run("deliver")
    text = texts(here.telegram.messages, "42")
    doubt = "ICE's list says Nov. 18, 2025, which may be a typo; the MOA's file name"
    assert f"{doubt} says Nov. 18, 2026, MOA" in text
    assert f"{doubt} has the same date, MOA" in text


def test_the_data_says_which_dates_are_doubtful(here):
    publish(here, [*SHERIFFS, newcomer("Tenaha", day(2025)), newcomer("Joaquin", day(2026))], 4)
    doubted = {c["agency"].split()[0]: c["signed_doubtful"] for c in here.lines("changes") if c["kind"] == "signed"}
    assert doubted == {"Tenaha": True, "Joaquin": False}
    on_list = {a["agency"]: a["signed_doubtful"] for a in here.lines("agreements")}
    assert [name for name, doubtful in on_list.items() if doubtful] == ["Tenaha Police Department"]
    table = list(csv.DictReader(StringIO(here.run("agreements", "--csv").stdout)))
    assert {a["agency"]: a["signed_doubtful"] == "true" for a in table} == on_list
    assert "2025-11-18 (doubtful)" in here.run("agreements").stdout
    assert "2025-11-18 (doubtful)" in here.run("changes").stdout


def test_a_withdrawal_tells_no_doubtful_date(here):
    publish(here, [*SHERIFFS, newcomer("Tenaha", day(2025))], 4)
    here.run("deliver")
    publish(here, [*SHERIFFS, newcomer("Joaquin", day(2026))], 8)
    here.run("deliver")
    withdrawn = texts(here.telegram.messages, "42").split("no longer on ICE's list")[-1]
    assert "ast seen on" in texts(here.telegram.messages, "42")
    assert "2025" not in withdrawn
