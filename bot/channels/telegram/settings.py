"""The settings of the Telegram channel."""

from pydantic import Field, field_validator

from bot.channels.setup import SharedSettings, Token, WebAddress


class TelegramSettings(SharedSettings):
    """The settings of the Telegram channel."""

    telegram_bot_token: Token | None = Field(None, alias="TELEGRAM_BOT_TOKEN")
    telegram_api_url: WebAddress = Field("https://api.telegram.org/bot", alias="TELEGRAM_API_URL")

    @field_validator("telegram_api_url")
    @classmethod
    def _ends_in_bot(cls, value: str) -> str:
        if not value.endswith("/bot"):
            raise ValueError("it must end in /bot, as in https://api.telegram.org/bot")
        return value
