"""Email through Apprise, received by an SMTP server on loopback."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
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
    return await deliver(due, store=talk.store, channels=channels, now=lambda: talk.now, page="https://ice.example/287g")


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content()


def letters(text: str) -> str:
    return re.sub(r"\W", "", re.sub(r"https?://[^\s)]+", "", text))


def text_of(markup: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(markup, "lxml")
    for hidden in soup(["style", "title"]):
        hidden.decompose()
    return soup.get_text(" ")


MANY = [
    row("TEXAS", f"Town {n} & <Sons> Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(15)
]


async def test_an_alert_is_an_email_with_the_news_as_its_subject_and_the_same_content_twice(talk, mailbox):
    assert (await send(talk, mailbox, SECOND)).problem is None
    [mail] = mailbox.mails
    assert mail["Subject"] == "1 new agreement and 1 no longer listed" or "287(g)" in mail["Subject"]
    assert mail["From"].addresses[0].addr_spec == "bot@example.org"
    assert mail.get_content_type() == "multipart/alternative"
    markup, plain = body(mail, "html"), body(mail, "plain")
    for said in ("Bell County Sheriff's Office", "Butler Police Department", "Archer County Sheriff's Office"):
        assert said in text_of(markup)
        assert said in plain
    print(plain, markup)
    assert letters(plain) == letters(text_of(markup))
