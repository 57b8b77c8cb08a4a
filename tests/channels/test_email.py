"""Email through Apprise, received by an SMTP server on loopback."""

import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from bs4 import BeautifulSoup
from support.chat import FIRST, SECOND, SIGNED, Chat
from support.program import row

from bot.channels.apprise import AppriseSender
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.pipeline.deliver import deliver
from bot.store.tiny.store import TinyStore


class Mailbox:
    """Keeps what arrives. If `refusals` is more than 0, refuse as many messages first."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals = 0

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - the library's name
        if self.refusals:
            self.refusals -= 1
            return "451 Try again later"
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


class Loopback(Controller):
    """An SMTP server on a free port."""

    @property
    def bound(self) -> int:
        return self.server.sockets[0].getsockname()[1]

    def _trigger_server(self) -> None:
        self.port = self.bound
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    server = Loopback(box, hostname="127.0.0.1", port=0)
    server.start()
    box.address = f"mailto://127.0.0.1:{server.bound}?from=bot@example.org&to=reader@example.org&mode=insecure"
    yield box
    server.stop()


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    yield Chat(store)
    await store.close()


async def send(talk: Chat, mailbox: Mailbox, rows: list, language: Language = Language.ENGLISH):
    """Publish a second list, and deliver what the mailbox's subscription is owed."""
    await talk.publish(FIRST, talk.now)
    await talk.store.subscribe(
        Subscription(
            id="",
            channel="apprise",
            address=mailbox.address,
            filter=Filter(states={ALL_STATES: 0}),
            language=language,
            tz="America/Chicago",
        )
    )
    await talk.publish(rows, talk.now)
    return await deliver_now(talk)


async def deliver_now(talk: Chat):
    [due] = await talk.store.due(talk.now)
    channels = {"apprise": AppriseSender()}
    return await deliver(
        due, store=talk.store, channels=channels, now=lambda: talk.now, page="https://ice.example/287g"
    )


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content()


def letters(text: str) -> str:
    return re.sub(r"\W", "", re.sub(r"https?://[^\s)]+", "", text))


def soup_of(markup: str) -> BeautifulSoup:
    """Return what a reader sees."""
    soup = BeautifulSoup(markup, "lxml")
    soup.style.decompose()
    return soup


MANY = [
    row("TEXAS", f"Town {n} & <Sons> Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(15)
]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("rows", [SECOND, FIRST + MANY])
async def test_an_alert_is_an_email_with_the_news_as_its_subject_and_the_same_content_twice(
    talk, mailbox, rows, language
):
    assert (await send(talk, mailbox, rows, language)).problem is None
    [mail] = mailbox.mails
    assert mail["From"].addresses[0].addr_spec == "bot@example.org"
    assert mail.get_content_type() == "multipart/alternative"
    markup, plain = body(mail, "html"), body(mail, "plain")
    assert mail["Subject"] == soup_of(markup).h1.get_text()
    assert "287(g)" in mail["Subject"]
    for change in (await talk.store.changes())[2:]:
        assert change.agreement.agency in soup_of(markup).get_text()
    assert letters(plain) == letters(soup_of(markup).get_text(" "))


async def test_an_email_asks_for_nothing_from_elsewhere_and_sets_no_dark_text_that_dark_mode_would_hide(talk, mailbox):
    await send(talk, mailbox, SECOND)
    markup = body(mailbox.mails[0], "html")
    assert BeautifulSoup(markup, "lxml").find_all(["img", "link", "script", "iframe", "object"]) == []
    assert "url(" not in markup
    assert "@import" not in markup
    assert 'name="color-scheme" content="light dark"' in markup
    assert not re.search(r"body\{[^}]*color", markup.partition("@media")[0])


async def test_an_email_that_the_server_refuses_comes_once_the_server_accepts_it(talk, mailbox):
    mailbox.refusals = 1
    assert (await send(talk, mailbox, SECOND)).problem
    assert mailbox.mails == []
    talk.now += timedelta(hours=1)
    assert (await deliver_now(talk)).problem is None
    assert len(mailbox.mails) == 1
    assert not await talk.store.due(talk.now)
