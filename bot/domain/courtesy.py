"""The few sentences that a platform's side says itself, in English and Spanish; all others are the answers'."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.subscription import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Courtesy:
    """One language's sentences; `{name}` is the channel as it was typed, `{bot}` what the bot is called there."""

    failed: str
    administrators_only: str
    channel_how: str
    channel_unknown: str
    channel_is_other: str
    channel_closed: str
    channel_not_yours: str


COURTESY: Mapping[Language, Courtesy] = {
    Language.ENGLISH: Courtesy(
        failed="Sorry, something failed on our side. Please try again in a few minutes.",
        administrators_only=(
            "Only administrators can change what is sent here. Anyone may use /status, /list, /recent, /agency and /help."
        ),
        channel_how=(
            "To set up a channel, write its @name, or its number that begins with -100, and a command behind it, as in "
            "/channel @your_channel watch TX"
        ),
        channel_unknown=(
            "I find no channel {name}, or I am not in it. Add @{bot} to the channel as an administrator who may post "
            "messages; then write its @name, or its number that begins with -100."
        ),
        channel_is_other="{name} is no channel. In a group, its administrators write the commands in the group itself.",
        channel_closed=(
            "I may not post in {name}. Make @{bot} an administrator of the channel who may post messages, and try again."
        ),
        channel_not_yours="Only an administrator of {name} can set it up.",
    ),
    Language.SPANISH: Courtesy(
        failed="Lo sentimos, algo falló de nuestro lado. Inténtelo de nuevo en unos minutos.",
        administrators_only=(
            "Solo los administradores pueden cambiar lo que se envía aquí. "
            "Cualquiera puede usar /status, /list, /recent, /agency y /help."
        ),
        channel_how=(
            "Para configurar un canal, escriba su @nombre, o su número que empieza con -100, y después una orden, como "
            "en /channel @su_canal watch TX"
        ),
        channel_unknown=(
            "No encuentro el canal {name}, o no estoy en él. Añada @{bot} al canal como administrador que pueda "
            "publicar mensajes; después escriba su @nombre, o su número que empieza con -100."
        ),
        channel_is_other=(
            "{name} no es un canal. En un grupo, sus administradores escriben las órdenes en el grupo mismo."
        ),
        channel_closed=(
            "No puedo publicar en {name}. Haga a @{bot} administrador del canal con permiso para publicar mensajes e "
            "inténtelo de nuevo."
        ),
        channel_not_yours="Solo un administrador de {name} puede configurarlo.",
    ),
}
