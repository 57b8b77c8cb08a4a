"""Any set of changes, in any language, on any platform: every agency is named in full and no message is only a footer."""

import json
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.loopback import slack as slack_loopback
from support.loopback import telegram as telegram_loopback
from support.samples import NOON, agreement, change, publication, spoken, subscription

from bot.channels.apprise import AppriseSender
from bot.channels.console import ConsoleSender
from bot.channels.slack.sender import LONGEST_BLOCKS, SlackSender
from bot.channels.telegram.sender import TelegramSender, fits
from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.language import Language
from bot.domain.lists.totals import Standing
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.messages.paginate import Role, pages
from bot.domain.page_addresses import AddressBook, PageLinks
from bot.domain.subscription import Cadence, Filter
from bot.domain.text.rich_text import legible

TELEGRAM, SLACK = TelegramSender(token="1:x"), SlackSender(token="x")
EMAIL = AppriseSender().for_address("mailto://u:p@example.org")
DISCORD = AppriseSender().for_address("discord://123456789012345678/" + "abcdefghijklmnopqrstuvwxyz" * 2)
CONSOLE = ConsoleSender()
NAMES = [
    "Police Department",
    "County Sheriff's Office",
    "City & <Borough> of *Stars* Constable's Office, Precinct",
    "W" * 90,
]


@st.composite
def logs(draw):
    """Draw a log of changes to agencies with one or several agreements, and a few agenda items."""
    log = []
    for number in range(draw(st.sampled_from([1, 2, 5, 14, 30, 160]))):
        name = f"{draw(st.sampled_from(NAMES))} {number}"
        state = draw(st.sampled_from(["TX", "FL", "GA", "OH", "PA"]))
        kind = draw(st.sampled_from([Kind.SIGNED, Kind.SIGNED, Kind.WITHDRAWN, Kind.REINSTATED, Kind.APPLIED]))
        moa = draw(st.sampled_from([None, None, "https://www.ice.gov/doclib/287gMOA/a.pdf?b=1&c=2"]))
        for support in draw(st.sampled_from([["TFM"], ["TFM"], ["WSO"], ["JEM", "TFM"]])):
            row = agreement(
                number, state, agency=name, canonical=name.lower(), support_type=SupportType(support), moa=moa
            )
            log.append(change(kind, row, publication(number), before=publication(0)))
    if draw(st.booleans()):
        log.append(spoken(state="TX"))
    return [replace(c, seq=seq, recorded_at=NOON) for seq, c in enumerate(log, start=1)]


@pytest.mark.parametrize("language", Language)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    log=logs(),
    cadence=st.sampled_from([Cadence.INSTANT, Cadence.WEEKLY]),
    base=st.sampled_from(["", "https://example.org", f"https://{'long.' * 30}example.org/{'a' * 60}"]),
)
@pytest.mark.slow
def test_every_agency_is_named_and_no_message_is_only_a_footer(language, log, cadence, base):
    to = replace(subscription(), filter=Filter(states={"*": 0}), cadence=cadence, language=language)
    standing = Standing().after(log)
    book = AddressBook()
    for each in log:
        book.follow(each)
    links = PageLinks(base=base, slugs=book.by_spelling, language=language) if base else None
    about = Circumstances(page="https://ice.example/", standing=standing, links=links, prefix="/")
    digest = compose(to, log, upto=len(log), about=about)

    telegram, slack = TELEGRAM.render(digest), SLACK.render(digest)
    shown = [telegram_loopback.read(part.payload["text"], "HTML").text for part in telegram]
    threads = [slack_loopback.read(part.payload).text for part in slack]
    email, discord, console = EMAIL.render(digest), DISCORD.render(digest), CONSOLE.render(digest)
    written = [[f"{part.payload['title']} {part.payload['body']}" for part in parts] for parts in (email, discord)]
    printed = [part.payload["text"] for part in console]
    markup = [BeautifulSoup(part.html, "lxml").get_text(" ") for part in email]
    for texts in (shown, threads, *written, markup, printed):
        together = " ".join(" ".join(texts).split())
        assert [
            c.agreement.agency for c in log if c.mention is None and legible(c.agreement.agency) not in together
        ] == []
    assert len(console) == 1
    assert max(len(json.dumps(part.payload["blocks"], ensure_ascii=False).encode()) for part in slack) <= LONGEST_BLOCKS
    for parts in (telegram, slack, email, discord, console):
        assert all(part.plain.strip() for part in parts)
        assert sorted(seq for part in parts for seq in part.covers) == sorted(digest.covers)
        assert len(digest.covers) == len(log)
    found = pages(digest, fits)
    assert all(any(block.role is not Role.FOOTER for block in page.blocks) for page in found)
    assert_whole(digest, found)


def assert_whole(digest, found):
    """Check that each section that fits in one message, with the title and the footer, is in one."""
    longer = (replace(digest.title[0], text=digest.title[0].text + " (0000/0000)"),)
    for section in digest.all_sections:
        in_details = section not in digest.sections
        details = replace(digest.details, sections=(section,)) if in_details else None
        alone = replace(digest, title=longer, lead=(), sections=() if in_details else (section,), details=details)
        if len(pages(alone, fits)) == 1:
            covers = {seq for item in section.items for seq in item.covers}
            assert len([page for page in found if covers & set(page.covers)]) == 1
