"""The few sentences that a platform's side says itself, in English and Spanish; all others are the answers'."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bot.domain.language import Language


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
            "Only administrators can change what is sent here. Anyone may use /status, /list, /recent, /agency, /help."
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
            "I may not post in {name}. Make @{bot} an administrator there who may post messages, and try again."
        ),
        channel_not_yours="Only an administrator of {name} can set it up.",
    ),
    Language.SPANISH: Courtesy(
        failed="Lo sentimos, algo falló de nuestro lado. Inténtelo de nuevo en unos minutos.",
        administrators_only=(
            "Solo los administradores pueden cambiar lo que se envía aquí. "
            "Cualquiera puede usar /status, /list, /recent, /agency, /help."
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


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Phrase(NamedTuple):
    """A sentence in both languages; `{}` is where a value goes."""

    english: str
    spanish: str

    def __call__(self, language: Language, **values: object) -> str:
        """The sentence in one language."""
        return (self.spanish if language is Language.SPANISH else self.english).format(**values)


SLACK_ADMINS_ONLY = Phrase(
    "Only an administrator of this workspace may change the settings. Anybody may ask: help, status, list, recent, "
    "agency.",
    "Solo un administrador de este espacio de trabajo puede cambiar la configuración. Cualquiera puede preguntar: "
    "help, status, list, recent, agency.",
)
SLACK_UNSURE = Phrase(
    "Slack did not say in time whether you are an administrator; nothing was changed. Please try again.",
    "Slack no dijo a tiempo si usted es administrador; nada cambió. Inténtelo de nuevo.",
)
SLACK_CHANGED = Phrase("{who} changed the settings of this channel:", "{who} cambió la configuración de este canal:")
SLACK_INVITE = Phrase(
    "The app is not in this channel, so it can tell nothing here. Type /invite {bot}",
    "La aplicación no está en este canal y no puede avisar nada aquí. Escriba /invite {bot}",
)
SLACK_DIRECT = Phrase(
    "This is about your direct messages with {bot}.", "Esto se refiere a sus mensajes directos con {bot}."
)
SLACK_OPEN = Phrase("The settings open in a form:", "La configuración se abre en un formulario:")
SLACK_REINSTALL = Phrase(
    "The app is not installed in this workspace any more. An administrator has to install it again.",
    "La aplicación ya no está instalada en este espacio de trabajo. Un administrador debe instalarla de nuevo.",
)

SLACK_SETTINGS = Phrase("Settings", "Configuración")
SLACK_SAVE = Phrase("Save", "Guardar")
SLACK_CANCEL = Phrase("Cancel", "Cancelar")
SLACK_WHERE = Phrase("Where to tell it", "Dónde avisar")
SLACK_STATES = Phrase("States", "Estados")
SLACK_ALL_STATES = Phrase("All states", "Todos los estados")
SLACK_CHOOSE = Phrase("Choose", "Elija")
SLACK_CADENCE = Phrase("How often", "Con qué frecuencia")
SLACK_INSTANT = Phrase("At once", "Al momento")
SLACK_DAILY = Phrase("Once a day", "Una vez al día")
SLACK_WEEKLY = Phrase("Once a week, on Monday", "Una vez a la semana, el lunes")
SLACK_HOUR = Phrase("At what time (daily and weekly)", "A qué hora (diario y semanal)")
SLACK_ZONE = Phrase("Time zone", "Zona horaria")
SLACK_KINDS = Phrase("What to tell", "De qué avisar")
SLACK_NO_WHERE = Phrase("Choose a channel.", "Elija un canal.")
SLACK_NO_STATES = Phrase("Choose at least one state.", "Elija al menos un estado.")
SLACK_NO_KINDS = Phrase("Choose at least one.", "Elija al menos uno.")
SLACK_NO_ZONE = Phrase("There is no such time zone.", "No existe esa zona horaria.")
SLACK_NO_HOUR = Phrase("Choose a time of day.", "Elija una hora del día.")

SLACK_HOME = Phrase("What this workspace is told", "De qué se avisa en este espacio de trabajo")
SLACK_HOME_NONE = Phrase(
    "Nothing yet. Open the settings, or type /countersign watch TX in a channel.",
    "Todavía nada. Abra la configuración o escriba /countersign watch TX en un canal.",
)
SLACK_HOME_MORE = Phrase("… and {n} more", "… y {n} más")
SLACK_HOME_YOU = Phrase("You, by direct message", "Usted, por mensaje directo")

# Why a subscription is paused; kept with it, and like the refusals of a platform in English alone.
SLACK_REMOVED = "The app was removed from this Slack channel: type /invite @Countersign there"
SLACK_ARCHIVED = "This Slack channel was archived"
SLACK_DELETED = "This Slack channel was deleted"
