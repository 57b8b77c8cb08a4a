"""A person suggests a site, and the operator adds it with a button, on Telegram and on Slack, end to end."""

import pytest
from program.test_operator_in_chat import keys_of, press, running
from support.loopback.slack_people import Member
from support.program import texts, world
from support.waiting import wait_for

pytestmark = pytest.mark.slow
PITT = '["Pitt County"]\nkind = "page"\naddress = "https://agendas.example.org/"\nzone = "America/New_York"\n'
SITE = "https://nowhere-nc.municodemeetings.com"


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.catalog("NC", PITT)
        made.run("subscribe", "telegram", "43", "--states", "TX")
        yield made


def test_the_operator_adds_a_site_with_a_press_and_both_chats_hear_of_its_reading(here):
    with running(here, "telegram:99"):
        here.telegram.say(f"/suggest {SITE} Nash County NC", chat=43, user=43)
        wait_for(
            lambda: "I passed it on to the operator: Nash County, NC (Municode)" in texts(here.telegram.messages, "43")
        )
        here.telegram.say("/suggested", chat=99, user=99)
        wait_for(lambda: "Someone suggested a site to read" in texts(here.telegram.messages, "99"))
        asked = next(m for m in here.telegram.messages if m.chat == "99" and keys_of(m))
        press(here, asked, "Add it")
        wait_for(lambda: any("Added: Nash County, NC." in m.text for m in here.telegram.edits))
        press(here, asked, "Add it")
        wait_for(lambda: any("already been decided" in m.text for m in here.telegram.edits))
        for chat in ("99", "43"):
            wait_for(lambda chat=chat: "I couldn't read Nash County's agendas" in texts(here.telegram.messages, chat))
    assert [one["name"] for one in here.lines("sources")] == ["Pitt County, NC", "Nash County, NC"]
    with running(here, "telegram:99"):  # it outlives a restart
        here.telegram.say(f"/suggest {SITE} Nash County NC", chat=44, user=44)
        wait_for(lambda: "I already have that site: Nash County, NC" in texts(here.telegram.messages, "44"))


def test_on_slack_a_press_declines_a_site(here):
    with running(here, "slack:C0000000OPS", SLACK_APP_TOKEN=here.slack.app_token):
        wait_for(lambda: here.slack.links)
        ada = Member(here.slack, "U0000000ADA")
        here.slack.from_thread(ada.types(f"suggest {SITE} Nash County NC", channel="C0123456789"))
        wait_for(lambda: any("I passed it on" in a.text for a in here.slack.answers))
        here.slack.from_thread(ada.types("suggested", channel="C0000000OPS"))
        wait_for(lambda: any(label == "Decline" for a in here.slack.answers for label, _ in a.buttons))
        here.slack.from_thread(ada.presses("Decline", channel="C0000000OPS"))
        wait_for(lambda: any("Declined: Nash County, NC." in a.text for a in here.slack.answers))
    assert [one["name"] for one in here.lines("sources")] == ["Pitt County, NC"]
