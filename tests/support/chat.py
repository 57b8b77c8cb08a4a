"""One chat with the bot, over a real store and without a platform."""

from datetime import UTC, datetime, timedelta

from bot.commands.chat import ChatCommands
from bot.domain.agreement import ListName
from bot.domain.chat.request import Request
from bot.domain.document import Document, digest
from bot.domain.language import Language
from bot.domain.source_status import Reading
from bot.domain.text.rich_text import plain_text
from bot.pipeline.poll_list import process
from bot.pipeline.runner import Runner
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore
from support.program import HEADER, row
from support.workbooks import workbook

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone

FIRST = [
    row("TEXAS", "Archer County Sheriff's Office", "Warrant Service Officer", SIGNED, "Archer County"),
    row("OHIO", "Butler County Sheriff's Office", "Jail Enforcement Model", SIGNED, "Butler County"),
]

SECOND = [
    *FIRST[1:],
    row("TEXAS", "Bell County Sheriff's Office", "Warrant Service Officer", SIGNED, "Bell County"),
    row("TEXAS", "Bell County Sheriff's Office", "Task Force Model", SIGNED, "Bell County"),
    row("OHIO", "Butler Police Department", "Task Force Model", SIGNED, "Butler County"),
]


class Chat:
    """Sends the bot what people type, publishes lists and sets the clock."""

    def __init__(self, store: TinyStore) -> None:
        self.store, self.now = store, NOW
        self.runner = Runner(
            store=store,
            fetch=None,
            sources={},
            channels={},
            now=lambda: self.now,
            every=timedelta(minutes=15),
            page="https://ice.example/287g",
        )
        self.chat_commands = ChatCommands(self.runner)

    async def ask(self, text: str, *, address: str = "42", language: Language = Language.ENGLISH):
        return await self.chat_commands.answer(
            Request(channel="telegram", address=address, text=text, language=language, bot="countersign_bot")
        )

    async def says(self, text: str, **options) -> str:
        """Return the plain text of the answer."""
        return plain_text((await self.ask(text, **options)).lines)

    async def mine(self, address: str = "42"):
        """Return the subscription of a chat."""
        return await self.store.find("telegram", address)

    async def publish(self, rows: list, at: datetime) -> None:
        """Record a participating list as read at that time."""
        body = workbook(rows, header=HEADER)
        name = f"participatingAgencies{at:%m%d%Y}am.xlsx"
        document = Document(
            address=f"https://ice.example/{name}", name=name, body=body, sha256=digest(body), headers={}, fetched_at=at
        )
        status = await self.store.source_status("ice")
        reading = Reading(documents={ListName.PARTICIPATING: document})
        await process(Ice(), reading, status=status, store=self.store, at=at, every=timedelta(minutes=15))
