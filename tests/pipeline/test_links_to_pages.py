"""Messages link to the public pages if there is a public address, on every channel, and change in nothing without one."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from support.chat import FIRST, NOW, SECOND, Chat
from support.program import row
from support.samples import NOON, agreement, change, publication, record, spoken, subscription
from web.pages.test_pages import served

from bot.channels.apprise import AppriseSender
from bot.channels.console import ConsoleSender
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.channels.webhook.message import parts_of
from bot.commands.example import example
from bot.commands.preview import preview
from bot.domain.change import Kind
from bot.domain.language import Language
from bot.domain.messages.compose import correct
from bot.domain.page_addresses import PageLinks
from bot.domain.site.model import site_of
from bot.domain.subscription import ALL_STATES, Cadence, Filter
from bot.domain.text.rich_text import plain_text
from bot.pipeline.deliver import Composer
from bot.pipeline.standings import Standings
from bot.store.tiny.store import TinyStore

BASE = "https://bot.example.org"
PAGE = "https://ice.example/287g"
TELEGRAM, SLACK = TelegramSender(token="1:x"), SlackSender(token="x")
BELL = "/agencies/tx-bell-county-sheriffs-office"


@pytest.fixture
async def talk():
    store = TinyStore.in_memory()
    chat = Chat(store)
    await chat.publish(FIRST, NOW - timedelta(days=1))
    yield chat
    await store.close()


def watching(**more):
    return replace(subscription(), filter=Filter(states={ALL_STATES: 0}), cadence=Cadence.INSTANT, **more)


async def composed(store, channel, base=BASE, since=0, at=NOW, **more):
    """Return the parts of a digest of everything after a change."""
    end = await store.last_seq()
    to = replace(watching(**more), cursor=since, pinned=end, pinned_at=at)
    parts, _ = await Composer(channel, store, PAGE, Standings(store, base)).parts(to)
    return [part for part in parts if part.picture is None]


def opened(parts):
    """Return the links of the buttons."""
    return [(button.text, button.url) for part in parts for line in part.buttons for button in line if button.url]


async def test_an_alert_about_one_agency_links_to_its_page_and_its_states(talk):
    before = await talk.store.last_seq()
    await talk.publish([*FIRST, SECOND[1]], NOW)
    [part] = parts = await composed(talk.store, TELEGRAM, since=before)
    assert opened(parts) == [("Agency page", f"{BASE}{BELL}"), ("Texas page", f"{BASE}/states/TX")]
    assert f'<a href="{BASE}{BELL}">Evidence</a>' in part.payload["text"]
    assert "/agency" not in part.payload["text"]
    assert [button.command for line in part.buttons for button in line if button.command][-1] == "settings"


async def test_in_spanish_the_links_lead_to_the_spanish_pages(talk):
    before = await talk.store.last_seq()
    await talk.publish([*FIRST, SECOND[1]], NOW)
    parts = await composed(talk.store, TELEGRAM, since=before, language=Language.SPANISH)
    assert opened(parts) == [
        ("Página de la agencia", f"{BASE}/es{BELL}"),
        ("Página de Texas", f"{BASE}/es/states/TX"),
    ]


async def test_agencies_of_one_state_link_to_the_state_and_those_of_several_to_all_changes(talk):
    before = await talk.store.last_seq()
    town = row("TEXAS", "Waco Police Department", "Task Force Model", NOW.replace(tzinfo=None), "McLennan County")
    await talk.publish([*FIRST, SECOND[1], town], NOW)
    assert opened(await composed(talk.store, TELEGRAM, since=before)) == [("Texas page", f"{BASE}/states/TX")]
    await talk.publish(SECOND, NOW + timedelta(hours=1))
    parts = await composed(talk.store, TELEGRAM, since=before)
    assert opened(parts) == [("All changes", f"{BASE}/changes")]
    assert f'<a href="{BASE}/changes">Evidence</a>' in parts[-1].payload["text"]


async def test_an_agenda_item_links_to_its_own_evidence(talk):
    before = await talk.store.last_seq()
    await talk.store.record(record(await talk.store.known(), [spoken(state="TX")]))
    parts = await composed(talk.store, TELEGRAM, since=before, at=NOON)
    assert opened(parts) == [
        ("Agenda item page", f"{BASE}/changes/{before + 1}"),
        ("Texas page", f"{BASE}/states/TX"),
    ]


async def test_a_digest_without_changes_links_to_the_only_state_it_watches_or_to_all_changes(talk):
    end = await talk.store.last_seq()
    quiet = {"cursor": end, "hears_always": True, "cadence": Cadence.DAILY, "pinned": end, "pinned_at": NOW}
    for states, page in ((("TX",), "/states/TX"), (("TX", "OH"), "/changes")):
        to = replace(watching(), **quiet, filter=Filter(states=dict.fromkeys(states, 0)))
        composer = Composer(TELEGRAM, talk.store, PAGE, Standings(talk.store, BASE))
        parts, _ = await composer.parts(to)
        assert [url for _, url in opened(parts)] == [f"{BASE}{page}"]
        assert f'href="{BASE}{page}"' in parts[-1].payload["text"]


async def test_slack_email_discord_the_console_and_webhooks_have_the_links_too(talk):
    before = await talk.store.last_seq()
    await talk.publish([*FIRST, SECOND[1]], NOW)
    [slack] = await composed(talk.store, SLACK, since=before)
    blocks = json.dumps(slack.payload["blocks"])
    assert f"<{BASE}{BELL}|Evidence>" in blocks
    buttons = [e for b in slack.payload["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert [(b["text"]["text"], b["url"]) for b in buttons if "url" in b] == [
        ("Agency page", f"{BASE}{BELL}"),
        ("Texas page", f"{BASE}/states/TX"),
    ]
    assert all("value" not in b for b in buttons if "url" in b)
    [email] = await composed(talk.store, AppriseSender().for_address("mailto://u:p@example.org"), since=before)
    assert f'<a href="{BASE}{BELL}">Evidence</a>' in email.html
    assert f"Evidence ({BASE}{BELL})" in email.payload["body"]
    [discord] = await composed(
        talk.store, AppriseSender().for_address(f"discord://123456789012345678/{'abcd' * 13}"), since=before
    )
    assert f"Evidence ({BASE}{BELL})" in discord.payload["body"]
    [console] = await composed(talk.store, ConsoleSender(), since=before)
    assert f"{BASE}{BELL}" in console.payload["text"]


async def test_a_webhook_names_the_page_of_the_news_and_of_each_change(talk):
    class Webhook:
        name = "webhook"
        render = staticmethod(lambda digest, picture=None: parts_of(digest))

    before = await talk.store.last_seq()
    await talk.publish([*FIRST, SECOND[1]], NOW)
    [part] = await composed(talk.store, Webhook, since=before)
    assert part.payload["page"] == f"{BASE}{BELL}"
    assert [each["page"] for each in part.payload["changes"]] == [f"{BASE}/changes/{before + 1}"]
    [bare] = await composed(talk.store, Webhook, base="", since=before)
    assert "page" not in bare.payload
    assert bare.payload == {name: value for name, value in part.payload.items() if name != "page"} | {
        "text": bare.payload["text"],
        "changes": [{k: v for k, v in each.items() if k != "page"} for each in part.payload["changes"]],
    }


@pytest.mark.parametrize("channel", [TELEGRAM, SLACK, ConsoleSender()], ids=lambda channel: channel.name)
async def test_without_a_public_address_nothing_links_to_a_page(talk, channel):
    before = await talk.store.last_seq()
    await talk.publish(SECOND, NOW)
    parts = await composed(talk.store, channel, base="", since=before)
    assert opened(parts) == []
    written = json.dumps([part.payload for part in parts])
    assert [path for path in ("/agencies/", "/states/", "/changes") if path in written] == []


async def test_a_correction_links_to_the_page_that_says_what_was_wrong(talk):
    wrong = replace(
        change(Kind.RETRACTED, agreement(1, "TX")), seq=9, retracts=3, retracted=Kind.SIGNED, because="misread"
    )
    links = PageLinks(base=BASE, slugs={}, language=Language.ENGLISH)
    digest = correct(watching(), wrong, NOON, page=PAGE, links=links)
    assert digest.page == f"{BASE}/changes/9"
    assert f"{BASE}/changes/9" in TELEGRAM.render(digest)[0].payload["text"]
    assert BASE not in TELEGRAM.render(correct(watching(), wrong, NOON, page=PAGE))[0].payload["text"]


async def test_examples_and_previews_show_the_links_of_real_messages(talk):
    await talk.publish([*FIRST, SECOND[1]], NOW)
    runner = replace(talk.runner, public_url=BASE)
    assert f"{BASE}{BELL}" in str(await example(runner, watching(created_at=NOW)))
    assert "/agencies/" not in str(await example(talk.runner, watching(created_at=NOW)))
    text = await preview(talk.store, {"states": "all"}, days=1, now=NOW, page=PAGE, public_url=BASE)
    assert f"{BASE}/" in text
    assert plain_text(await example(talk.runner, watching(created_at=NOW)))


@pytest.mark.parametrize(
    "names",
    [
        ("Bell County Sheriff's Office", "Bell County Sheriffs Office"),  # two spellings that share their words
        ("St. Mary's Police", "St Mary’s Police", "St Marys Police"),
        ("Policía de Peñuelas", "Policia de Penuelas"),
        ("???", "警察"),
    ],
)
async def test_each_link_opens_the_page_of_the_agency_even_if_two_share_a_name(names, unused_tcp_port):
    store = TinyStore.in_memory()
    for number, name in enumerate(names):
        fresh = agreement(number, "TX", agency=name, canonical=f"agency {number}", county="Bell County")
        await store.record(record(await store.known(), [change(Kind.SIGNED, fresh, publication(number))]))
    links = await Standings(store, f"http://127.0.0.1:{unused_tcp_port}").links(len(names), Language.SPANISH)
    site = site_of(await store.changes(), await store.known())
    async with served(store, unused_tcp_port), httpx.AsyncClient(follow_redirects=True) as browser:
        for found in await store.changes():
            address = links.agency(found.agreement)
            assert address.endswith(f"/es/agencies/{site.agencies.slug_of(found.agreement)}")
            page = await browser.get(address)
            assert page.status_code == 200
            assert f"/changes/{found.seq}" in page.text
    assert len({links.agency(found.agreement) for found in await store.changes()}) == len(names)
    await store.close()
