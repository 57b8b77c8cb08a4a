"""The main job, as a person runs it: from ICE's page to a message."""

import json
import re
import signal

import pytest
from support.archive import needs_archive
from support.program import texts, world
from support.sample_lists import A_DAY, AFTER, BEFORE, NEWCOMERS, SHERIFFS
from support.waiting import wait_for


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        yield made


@pytest.mark.slow
@needs_archive
def test_the_next_real_publication_brings_each_channel_the_new_agreements_in_its_states_and_no_others(here):
    here.publish(BEFORE)
    assert here.lines("poll") == []
    here.run("subscribe", "telegram", "42", "--states", "TX,Oklahoma")
    here.run("subscribe", "slack", "C0123456789", "--states", "all")
    here.run("deliver")
    assert not here.telegram.messages
    assert not here.slack.messages

    here.publish(AFTER, scheme="B")
    changes = here.lines("poll")
    here.run("deliver")

    signed = [c for c in changes if c["kind"] == "signed"]
    assert len(signed) == 61
    telegram, slack = texts(here.telegram.messages, "42"), texts(here.slack.messages, "C0123456789")
    for change in signed:
        assert change["agency"] in slack
        assert (change["agency"] in telegram) == (change["state"] in {"TX", "OK"})
    assert len(here.telegram.messages) == 1
    headings = set(re.findall(r"^(.+?)(?: …)?: new on ICE's list", telegram, re.MULTILINE))
    assert headings == {"Texas", "Oklahoma"}
    first, *thread = here.slack.messages
    assert len(thread) == 1
    assert thread[0].arguments["thread_ts"] == first.message_id.partition("?")[0]
    assert "reply_broadcast" not in thread[0].arguments
    sheet = f"{here.ice.base}{here.ice.requests[-1].path}"
    for messages in (here.telegram.messages, here.slack.messages):
        assert (AFTER, sheet) in messages[0].links
        assert ("ICE's 287(g) page", here.ice.url) in messages[0].links
        assert not any(m.preview for m in messages)

    sent = len(here.telegram.messages), len(here.slack.messages)
    assert here.lines("poll") == []
    here.run("deliver")
    assert (len(here.telegram.messages), len(here.slack.messages)) == sent


def test_a_list_of_three_then_five_brings_two_changes(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    here.run("subscribe", "telegram", "42", "--states", "TX,OK", "--tz", "America/Chicago")
    here.publish_rows(
        "participatingAgencies11202026pm.xlsx",
        SHERIFFS + NEWCOMERS,
        at=A_DAY,
        links={"G5": "https://www.ice.gov/a.pdf"},
    )
    assert [(c["kind"], c["state"], c["agency"], c["support_type"]) for c in here.lines("poll")] == [
        ("signed", "OH", "Delaware County Sheriff's Office", "TFM"),
        ("signed", "TX", "Bell County Sheriff's Office", "WSO"),
    ]
    here.run("deliver")
    (message,) = here.telegram.messages
    assert message.text.startswith(
        "Bell County Sheriff's Office (Texas) is new on ICE's 287(g) list\n\nTexas now has 2 agreements at 2 agencies.\n"
    )
    assert "Signed Nov. 19, 2026." in message.text
    assert "Warrant Service Officer: may serve ICE warrants in jail\nMOA" in message.text
    assert ("MOA", "https://www.ice.gov/a.pdf") in message.links
    assert re.search(r"fetched \w+\.? \d+, 20\d\d, at (noon|\d+(:\d\d)? [ap]\.m\.) C[SD]T", message.text)


def test_every_change_names_its_evidence_and_what_ice_printed(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS[1:] + NEWCOMERS, at=A_DAY)
    here.run("poll")
    changes = {(c["kind"], c["state"]): c for c in here.lines("changes") if c["kind"] != "listed"}
    gone, bell = changes["withdrawn", "TX"], changes["signed", "TX"]
    assert (gone["agency"], gone["row"]) == ("Archer County Sheriff's Office", None)
    assert gone["before"]["publication"] == "participatingAgencies11202026am.xlsx"
    assert gone["evidence"] == bell["evidence"] != gone["before"]["evidence"]
    assert bell["row"] == 4
    assert bell["printed"]["SUPPORT TYPE"] == "Warrant Services Officer"
    assert bell["printed"]["LAW ENFORCEMENT AGENCY"] == "Bell County Sheriff’s Office"
    files = {path.name.partition(".")[0] for path in (here.folder / "evidence").glob("*/*")}
    assert {gone["evidence"], gone["before"]["evidence"]} <= files


def test_an_unchanged_list_costs_the_page_and_one_conditional_request(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    log = (here.folder / "changes.jsonl").read_bytes()
    asked = len(here.ice.requests)
    here.run("poll")
    paths = [(r.path, r.status) for r in here.ice.requests[asked:] if r.path != "/robots.txt"]
    assert [status for _, status in paths] == [200, 304]
    assert (here.folder / "changes.jsonl").read_bytes() == log


def test_both_link_schemes_work_in_turn(here):
    for number, scheme in enumerate("ABAB"):
        rows = SHERIFFS + NEWCOMERS[: number % 2]
        file = f"participatingAgencies112{number}2026am.xlsx"
        here.publish_rows(
            file, rows, at=A_DAY, scheme=scheme, title=f"{number}"
        )  # the same bytes again would be held as an old list
        here.run("poll")
    kinds = [c["kind"] for c in here.lines("changes") if c["kind"] != "listed"]
    assert kinds == ["signed", "withdrawn", "reinstated"]


def test_the_older_table_on_the_page_is_read_too(here):
    here.ice.html_table([("ALABAMA", "Etowah County Sheriff's Office", "Jail Enforcement Model", "7/8/2020", None)])
    here.run("poll")
    (only,) = here.lines("agreements")
    assert (only["state"], only["agency"], only["signed"]) == ("AL", "Etowah County Sheriff's Office", "2020-07-08")


def test_a_failed_source_is_reported_with_exit_1_and_changes_nothing(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    here.ice.answer("/identify-and-arrest/287g", 403)
    done = here.run("poll", expect=1)
    assert "ice: " in done.stderr
    assert "last read successfully 20" in done.stderr
    assert here.lines("status")[0]["wrong"]
    here.run("status", "--check", expect=1)
    assert len(here.lines("agreements")) == 3


def test_the_running_program_polls_delivers_and_stops_cleanly_on_sigterm(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    program = here.start("run", COUNTERSIGN_POLL_SECONDS="1")
    try:
        wait_for((here.folder / "control.sock").exists)
        wait_for(lambda: len(here.lines("agreements")) == 3)
        assert (here.folder / "control.sock").stat().st_mode & 0o777 == 0o600
        handed = json.loads(here.run("subscribe", "telegram", "42", "--states", "Texas", "--json").stdout)
        assert handed["states"] == ["TX"]
        assert [s["address"] for s in here.lines("subscriptions")] == ["42"]
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: here.telegram.messages)
        assert "Bell County" in here.telegram.messages[0].text
        assert "Did you mean" in here.run("subscribe", "telegram", "42", "--states", "Texsa", expect=2).stderr
    finally:
        program.send_signal(signal.SIGTERM)
        said, log = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "Traceback" not in log
    assert here.telegram.token not in said + log
    assert here.slack.token not in said + log


def test_with_no_token_the_changes_are_printed(here):
    bare = {"TELEGRAM_BOT_TOKEN": "", "SLACK_BOT_TOKEN": "", "COUNTERSIGN_POLL_SECONDS": "1"}
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    program = here.start("run", **bare)
    try:
        wait_for(lambda: len(here.lines("agreements")) == 3)
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: len(here.lines("agreements")) == 5)
        wait_for(lambda: all(s["due_at"] is None for s in here.lines("subscriptions")))
    finally:
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=60)
    assert "2 new 287(g) agreements: Ohio 1 and Texas 1" in said
    assert "Delaware County Sheriff's Office" in said


def test_a_blocked_chat_never_stops_another(here):
    from support.loopback.telegram import blocked

    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    here.run("subscribe", "telegram", "41", "--states", "all")
    here.run("subscribe", "telegram", "42", "--states", "all")
    here.telegram.script("41", blocked())
    here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
    here.run("poll")
    assert "blocked" in here.run("deliver", expect=1).stderr
    assert [m.chat for m in here.telegram.messages] == ["42"]
    paused = {s["address"]: s["paused"] for s in here.lines("subscriptions")}
    assert paused["42"] is None
    assert "blocked" in paused["41"]


def test_results_go_to_stdout_and_notices_to_stderr(here):
    assert here.run("agreements").stdout == ""
    assert "never" in here.run("status").stdout
    assert here.run("subscriptions").stdout == ""
    for words in (["--help"], ["poll", "--help"], ["subscribe", "--help"], ["replay", "--help"], ["--version"]):
        done = here.run(*words)
        assert done.stdout
        assert done.stderr == ""


def test_a_group_id_with_a_minus_is_not_taken_for_an_option(here):
    here.run("subscribe", "telegram", "-1001234567890", "--states", "TX,Oklahoma")
    assert [s["address"] for s in here.lines("subscriptions")] == ["-1001234567890"]
    assert "No such option" in here.run("subscribe", "telegram", "-1001234567890", "--sates", "TX", expect=2).stderr
    here.run("unsubscribe", "telegram", "-1001234567890")
    assert here.lines("subscriptions") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["subscribe", "telegram", "abc def", "--states", "TX"], "chat"),
        (["subscribe", "pigeon", "1", "--states", "TX"], "no channel 'pigeon'"),
        (["subscribe", "telegram", "1", "--states", ""], "No state given"),
        (["subscribe", "telegram", "1", "--states", "TX", "--tz", "Amerika/Chicago"], "Did you mean America/Chicago?"),
        (["subscribe", "telegram", "1", "--states", "TX", "--cadence", "hourly"], "isn't a cadence"),
        (
            ["subscribe", "telegram", "1", "--states", "TX", "--cadence", "daily", "--at", "25:00"],
            "isn't a time of day",
        ),
        (["unsubscribe", "telegram", "7"], "no subscription"),
        (["changes", "--since", "yesterday"], "isn't a date"),
        (["approve", "zzz"], "No held listing"),
        (["replay", "/nowhere"], "isn't an archive"),
        (["agreements", "--state", "Florid"], "Did you mean Florida (FL)?"),
    ],
)
def test_a_usage_error_is_one_helpful_line_with_exit_2(here, words, said):
    done = here.run(*words, expect=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_every_configuration_problem_is_listed_at_once(here):
    done = here.run(
        "status", expect=2, COUNTERSIGN_POLL_SECONDS="soon", SLACK_API_URL="ftp://x", COUNTERSIGN_SOURCES="ice,mars"
    )
    for name in ("COUNTERSIGN_POLL_SECONDS", "SLACK_API_URL", "COUNTERSIGN_SOURCES"):
        assert name in done.stderr
