"""A question from a chat, together with everything needed to answer it."""

from dataclasses import dataclass

from bot.domain.chat.replies import line, said
from bot.domain.chat.request import Button, Request
from bot.domain.language import Language
from bot.domain.subscription import Filter, Settings, Subscription
from bot.domain.text.rich_text import Line
from bot.domain.text.wording import Wording


@dataclass(frozen=True, slots=True)
class Question:
    """A person's request, along with the chat's subscription and the language for the reply."""

    request: Request
    subscription: Subscription | None
    language: Language

    @property
    def settings(self) -> Settings:
        """The chat's settings, or the defaults if the chat has no subscription."""
        if self.subscription is not None:
            return self.subscription.settings
        return Settings(filter=Filter(), language=self.language)

    @property
    def wording(self) -> Wording:
        """The wording for changes and times in the chat's language and time zone."""
        return Wording(self.language, self.settings.tz)

    def says(self, key: str, **values: object) -> Line:
        """Return a line of the reply in the chat's language."""
        return line(self.language, key, **values)

    def button(self, key: str, command: str) -> Button:
        """Return a button that sends a command. The label is in the chat's language."""
        return Button(said(self.language, key), command)
