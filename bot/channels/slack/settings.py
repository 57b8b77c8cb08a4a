"""The settings of the Slack channel."""

from collections.abc import Mapping

from pydantic import Field, SecretStr, field_validator

from bot.channels.setup import SharedSettings, Token, WebAddress


class SlackSettings(SharedSettings):
    """The settings of the Slack channel."""

    slack_bot_token: Token | None = Field(None, alias="SLACK_BOT_TOKEN")
    slack_app_token: Token | None = Field(None, alias="SLACK_APP_TOKEN")
    slack_signing_secret: Token | None = Field(None, alias="SLACK_SIGNING_SECRET")
    slack_client_id: str | None = Field(None, alias="SLACK_CLIENT_ID")
    slack_client_secret: Token | None = Field(None, alias="SLACK_CLIENT_SECRET")
    slack_api_url: WebAddress = Field("https://slack.com/api/", alias="SLACK_API_URL")

    @field_validator("slack_api_url")
    @classmethod
    def _ends_in_slash(cls, value: str) -> str:
        if not value.endswith("/"):
            raise ValueError("it must end in a slash, as in https://slack.com/api/")
        return value

    @property
    def for_oauth(self) -> Mapping[str, str | SecretStr | None]:
        """The settings required for other workspaces to install the app, keyed by environment variable."""
        return {
            "SLACK_CLIENT_ID": self.slack_client_id,
            "SLACK_CLIENT_SECRET": self.slack_client_secret,
            "SLACK_SIGNING_SECRET": self.slack_signing_secret,
            "COUNTERSIGN_SECRET_KEY": self.secret_key,
            "COUNTERSIGN_PUBLIC_URL": self.public_url,
        }
