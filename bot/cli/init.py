"""The command `init`: ask for the settings, check them, and write them to a file `.env`."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.app import first_setup
from bot.app.greeting import own_command
from bot.channels import CHANNELS
from bot.channels.introduction import TokenQuestion, TokenRejected
from bot.cli.options import subject
from bot.cli.output import say, say_wrapped
from bot.config import dotenv
from bot.config.settings import Settings, load, own_names
from bot.domain.language import Language
from bot.domain.suggest import suggest
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import legible
from bot.errors import ConfigError, CountersignError, NotSent, SourceError, UsageError
from bot.observability.logs import set_up_logs

NONE, BOTH, STDIN = "none", "both", "-"
LONGEST_LINE = 4096  # characters; no token is nearly as long
OPERATOR, CONTACT, RELAY_SECRET = "COUNTERSIGN_OPERATOR", "COUNTERSIGN_CONTACT", "COUNTERSIGN_RELAY_SECRET"
PLATFORM_OPTION = "--platform telegram, slack, both or none"
TOKEN_OPTIONS = {
    "TELEGRAM_BOT_TOKEN": "--telegram-token -",
    "SLACK_BOT_TOKEN": "--slack-token -",
    "SLACK_APP_TOKEN": "--slack-app-token -",
}
EXAMPLES = {"slack": "slack:C0123456789", "telegram": "telegram:12345"}
HELP_OF_OPTION = "{}. “-” reads it from the standard input, so that it isn't in the shell's history."

T = TypeVar("T")

app = subject()


def _platforms() -> list[str]:
    return [name for name, channel in CHANNELS.items() if channel.tokens]


@app.command()
def init(
    platform: Annotated[str | None, typer.Option(help="telegram, slack, both or none.")] = None,
    telegram_token: Annotated[
        str | None, typer.Option(help=HELP_OF_OPTION.format("The token of the Telegram bot"))
    ] = None,
    slack_token: Annotated[str | None, typer.Option(help=HELP_OF_OPTION.format("Slack's bot token (xoxb-…)"))] = None,
    slack_app_token: Annotated[
        str | None, typer.Option(help=HELP_OF_OPTION.format("Slack's app token (xapp-…), for typing commands"))
    ] = None,
    operator: Annotated[
        str | None, typer.Option(help="Your own chat, as in telegram:12345 or slack:C0123456789; or none.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="An email address or a URL where sites can reach you; or none.")
    ] = None,
    relay: Annotated[
        bool | None,
        typer.Option("--relay/--no-relay", help="Set up a relay, or don't offer one. By default, only if ICE refuses."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace values in .env without asking.")] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Ask the platforms and ICE, and send a test message.")
    ] = True,
) -> None:
    """Ask for the settings, check them and write them to .env, which every command reads.

    You can give each answer as an option or in the environment (TELEGRAM_BOT_TOKEN, SLACK_BOT_TOKEN,
    SLACK_APP_TOKEN, COUNTERSIGN_OPERATOR, COUNTERSIGN_CONTACT). Without a terminal, it asks nothing. The environment
    wins over .env. Exits with 1 if the test message can't be sent.
    """
    tokens = {"TELEGRAM_BOT_TOKEN": telegram_token, "SLACK_BOT_TOKEN": slack_token, "SLACK_APP_TOKEN": slack_app_token}
    given = {**tokens, OPERATOR: operator, CONTACT: contact}
    setup = _Setup.begun(platform, {name: value for name, value in given.items() if value is not None}, replace=replace)
    set_up_logs(setup.settings(), quiet=True)
    setup.refuse_if_incomplete()
    try:
        setup.ask(check=check)
        setup.write()
        is_sent = setup.send_tests() if check else True
        setup.offer_relay(wanted=relay, check=check)
    except (KeyboardInterrupt, typer.Abort):
        say("\nStopped." if setup.is_written else "\nStopped. Nothing was written.")
        raise typer.Exit(130) from None
    say(f"\nStart or restart it with: {own_command()} run")
    raise typer.Exit(0 if is_sent else 1)


@dataclass
class _Setup:
    """The answers so far, and the file they are written to.

    `before` is what the file sets already, and `given` what the options and the environment say. `answers` are what to
    write, and `unreached` are the platforms that didn't answer. If `can_ask`, a person is at the terminal.
    """

    path: Path
    before: Mapping[str, str]
    given: Mapping[str, str]
    platform: str | None
    can_ask: bool
    replace: bool
    answers: dict[str, str] = field(default_factory=dict)
    unreached: set[str] = field(default_factory=set)
    is_written: bool = False

    @classmethod
    def begun(cls, platform: str | None, options: Mapping[str, str], *, replace: bool) -> "_Setup":
        path = dotenv.own_file(os.environ, own_names())
        before = dotenv.parsed(dotenv.text_if_any(path), str(path))
        can_ask = sys.stdin.isatty() and sys.stderr.isatty()
        named = {name: os.environ[name].strip() for name in (*TOKEN_OPTIONS, OPERATOR, CONTACT) if os.environ.get(name)}
        typed = {name: _read_token(name, value, can_ask=can_ask) for name, value in options.items()}
        return cls(path, before, {**named, **typed}, platform, can_ask, replace)

    def settings(self, **more: str) -> Settings:
        """Return the settings as they would be with the answers. Raise ConfigError if one of them is wrong."""
        env = {name: value for name, value in os.environ.items() if name != dotenv.NAMED_BY or self.path.exists()}
        return load(env=env, answers={**self.answers, **more})

    # ── questions ──

    def ask(self, *, check: bool) -> None:
        """Ask for everything that isn't known, and check it."""
        for name in self.choose_platforms():
            self.ask_tokens(name, CHANNELS[name].tokens, check=check)
        self.ask_operator(check=check)
        self.ask_contact()

    def known(self, name: str) -> str | None:
        """Return an answer that needn't be asked for: one that was given, or one that the file has already."""
        return self.given.get(name) or self.before.get(name) or None

    def refuse_if_incomplete(self) -> None:
        """Raise UsageError with the options that are missing if there is no one to ask."""
        if self.can_ask:
            return
        platforms = self._named_platforms()
        missing = [PLATFORM_OPTION] if platforms is None else []
        for name in platforms or ():
            required = (token for token in CHANNELS[name].tokens if not token.without)
            missing += [
                f"{TOKEN_OPTIONS[token.alias]} (or {token.alias})" for token in required if not self.known(token.alias)
            ]
        if platforms and self.known(OPERATOR) is None:
            missing.append(f"--operator {platforms[0]}:… or none")
        if self.known(CONTACT) is None:
            missing.append("--contact you@example.org or none")
        if missing:
            raise UsageError(
                "Some answers are missing, and this isn't a terminal where you could be asked. Add: "
                + "; ".join(missing)
            )

    def _named_platforms(self) -> list[str] | None:
        """Return the platforms that the options name or that have tokens already, or None if no one knows."""
        if self.platform is not None:
            return _platforms_in(self.platform)
        found = [name for name in _platforms() if any(self.known(token.alias) for token in CHANNELS[name].tokens)]
        return found or None

    def choose_platforms(self) -> list[str]:
        """Return the platforms to set up."""
        named = self._named_platforms()
        if not self.can_ask or self.platform is not None:
            return named or []
        say_wrapped("Countersign can send alerts to Telegram, to Slack or to both. Without them, it prints changes.")
        default = NONE if named is None else BOTH if len(named) > 1 else named[0]
        return _asked("Which? telegram, slack, both or none", _platforms_in, default=default)

    def ask_tokens(self, channel: str, questions: Sequence[TokenQuestion], *, check: bool) -> None:
        """Ask for a platform's tokens until the platform accepts them."""
        wanted: Mapping[str, str] = self.given
        aliases = {question.alias for question in questions}
        while True:
            for question in questions:
                token = wanted.get(question.alias) or self._token(channel, question)
                if token:
                    self.answers[question.alias] = token
            try:
                self._check_tokens(channel, check=check)
            except (ConfigError, TokenRejected) as fault:
                if not self.can_ask:
                    raise
                say_wrapped(_without_names(fault))
                wanted = {}
                self.answers = {name: value for name, value in self.answers.items() if name not in aliases}
            else:
                return

    def _token(self, channel: str, question: TokenQuestion) -> str:
        """Ask for a token without showing it. Return "" if it is left out."""
        kept = self.before.get(question.alias, "")
        if not self.can_ask:
            return kept
        say_wrapped(f"\n{channel.capitalize()}'s {question.name}: {question.how}")
        hint = "Enter keeps the one in .env" if kept else "Enter leaves it out" if question.without else "not shown"
        token = _asked_secretly(f"{channel.capitalize()}'s {question.name} ({hint})")
        while not token and not kept and not question.without:
            token = _asked_secretly("It's needed. Paste it (not shown), or press Ctrl-C to stop")
        if not token and not kept:
            say_wrapped(question.without)
        return question.in_text(token) or kept

    def _check_tokens(self, channel: str, *, check: bool) -> None:
        settings = self.settings()
        set_up_logs(settings, quiet=True)  # it masks these tokens from now on
        for question in CHANNELS[channel].tokens:
            token = self.answers.get(question.alias, "")
            if token and not question.is_token(token):
                raise TokenRejected(_not_this_token(channel, question, token))
        if not check:
            say_wrapped(f"{channel.capitalize()} wasn't asked about its tokens (--no-check).")
            return
        try:
            for sentence in first_setup.introduced(settings, channel):
                say_wrapped(legible(sentence))
        except SourceError:
            self.unreached.add(channel)
            say_wrapped(
                f"{channel.capitalize()} can't be reached now, so its tokens aren't verified. They are written anyway; "
                f"run `{own_command()} init` again once this machine is online."
            )

    def ask_operator(self, *, check: bool) -> None:
        """Ask for the operator's chat."""
        platforms = [name for name in _platforms() if any(t.alias in self.answers for t in CHANNELS[name].tokens)]
        given = self.given.get(OPERATOR)
        if given is not None or not self.can_ask or not platforms:
            if given not in {None, NONE}:
                self.answers[OPERATOR] = _standard(self._valid(OPERATOR, given or ""))
            return
        say_wrapped("\nI report problems and held lists to your own chat. You can also give commands there.")
        if check and "telegram" in platforms:
            say_wrapped("To let me find your Telegram chat, write your bot a message now, and then type “find”.")
        names = " or ".join(EXAMPLES[name] for name in platforms)
        self._ask_value(OPERATOR, f"Your chat, as in {names}; or none", lambda text: self._operator(text, platforms))

    def _operator(self, text: str, platforms: Sequence[str]) -> str:
        if text.casefold() == "find":
            return self._found_chat("telegram")
        named = text if text.partition(":")[0] in platforms or len(platforms) > 1 else f"{platforms[0]}:{text}"
        return _standard(self._valid(OPERATOR, named))

    def _found_chat(self, channel: str) -> str:
        """Return the chat that has just written to the bot, if the person says that it's theirs."""
        try:
            found = first_setup.writers(self.settings(), channel)
        except SourceError:
            raise UsageError(f"{channel.capitalize()} can't be reached now. Type the chat's number.") from None
        for writer in found:
            if typer.confirm(f"Is this you: {writer.name} ({writer.address})?", default=True, err=True):
                return f"{channel}:{writer.address}"
        raise UsageError("I see no private message to your bot yet. Open the bot, press Start, then type “find” again.")

    def ask_contact(self) -> None:
        """Ask for the address at which the sites that are read can reach the operator."""
        given = self.given.get(CONTACT)
        if given is not None or not self.can_ask:
            if given not in {None, NONE}:
                self.answers[CONTACT] = self._valid(CONTACT, given or "")
            return
        say_wrapped(
            "\nThe sites I read should be able to reach you. I send them this address and show it on the public pages."
        )
        self._ask_value(CONTACT, "An email address or a URL; or none", lambda text: self._valid(CONTACT, text))

    def _ask_value(self, name: str, question: str, check: Callable[[str], str]) -> None:
        before = self.before.get(name)
        value = _asked(question, lambda text: NONE if text.casefold() == NONE else check(text), default=before or NONE)
        if value != NONE:
            self.answers[name] = value

    def _valid(self, name: str, value: str) -> str:
        self.settings(**{name: value})
        return value

    # ── results ──

    def write(self) -> None:
        """Write the answers to the file, after asking about values that they replace."""
        changed = {name: value for name, value in self.answers.items() if self.before.get(name) != value}
        replaced = [name for name in changed if self.before.get(name)]
        if replaced and not self.replace:
            names = formats(Language.ENGLISH).join(replaced)
            if not self.can_ask:
                raise UsageError(f"{self.path} already sets {names} to something else. To replace it, add --replace.")
            if not typer.confirm(f"{self.path} already sets {names}. Replace?", default=False, err=True):
                changed = {name: value for name, value in changed.items() if name not in replaced}
                self.answers |= {name: self.before[name] for name in replaced}
        if not changed:
            say_wrapped("\nThere was nothing to write.")
            return
        text = dotenv.text_if_any(self.path)
        dotenv.write(self.path, dotenv.changed(text, changed))
        self.is_written = True
        say_wrapped(
            f"\nWrote {formats(Language.ENGLISH).join(sorted(changed))} to {self.path}, which only you can read."
        )
        self._say_what_wins(changed)

    def _say_what_wins(self, written: Mapping[str, str]) -> None:
        other = [name for name, value in written.items() if os.environ.get(name, value).strip() != value]
        if other:
            say_wrapped(
                f"The environment also sets {formats(Language.ENGLISH).join(other)}, and it wins over .env. Unset it."
            )
        foreign = sorted({"PORT", "DATABASE_URL"} & self.before.keys())
        if foreign and not own_names() & self.before.keys():
            say_wrapped(
                f"{self.path} also sets {formats(Language.ENGLISH).join(foreign)}, which Countersign will now use, too."
            )

    def send_tests(self) -> bool:
        """Send a test message to each of the operator's chats. Return False if one of them didn't get it."""
        settings = self.settings()
        chats = [chat for chat in settings.operators if chat.partition(":")[0] not in self.unreached]
        sent = [self._is_test_sent(settings, chat) for chat in chats]  # each is tried, even after one has failed
        return all(sent)

    def _is_test_sent(self, settings: Settings, chat: str) -> bool:
        while True:
            try:
                first_setup.send_test_message(settings, chat)
            except CountersignError as fault:
                is_refused = isinstance(fault, NotSent) and fault.is_refused
                advice = " Open that chat, and let the bot in or press Start." if is_refused else ""
                say_wrapped(f"No test message to {chat}. {fault}{advice}")
            else:
                say_wrapped(f"Sent a test message to {chat}.")
                return True
            if not self.can_ask or not typer.confirm("Try again?", default=True, err=True):
                say_wrapped(f"To try it later, run: {own_command()} test {chat.replace(':', ' ', 1)}")
                return False

    def offer_relay(self, *, wanted: bool | None, check: bool) -> None:
        """Read ICE once, and offer a relay if it refuses this machine."""
        is_refused, settings = False, self.settings()
        if check and wanted is None and settings.relay_secret is None and settings.upstream is None:
            say_wrapped("Reading ICE's list once, to see if ICE answers this machine …")
            problem, is_refused = first_setup.first_reading(settings)
            say_wrapped(problem or "ICE answers.")
        if wanted is None and is_refused:
            if not self.can_ask:
                say_wrapped(f"To set up a relay here, run: {own_command()} init --relay")
            wanted = self.can_ask and typer.confirm("Set up a relay on another machine?", default=True, err=True)
        if wanted:
            self._set_up_relay(settings)

    def _set_up_relay(self, settings: Settings) -> None:
        if settings.relay_secret is None:
            text = dotenv.text_if_any(self.path)
            dotenv.write(self.path, dotenv.changed(text, {RELAY_SECRET: secrets.token_hex(32)}))
        to = settings.public_url or "https://THIS-HOST"
        say(
            f"\nThe relay's secret is {RELAY_SECRET} in {self.path}. It isn't shown here.\n"
            f"1. Copy that one line to the .env of a machine that ICE answers, over a channel that you trust.\n"
            f"2. Install Countersign there, and run: countersign relay --to {to}\n"
            f"   This machine must be reachable at that address. It listens on PORT, or 8080 by default.\n"
            "3. docs/relay.md has the details, and shows a timer and two other ways."
        )


def _standard(operator: str) -> str:
    """Return the operator's chats with their addresses in the platforms' standard forms, such as a link's id."""
    named = (chat.strip().partition(":") for chat in operator.split(","))
    return ",".join(f"{name}:{CHANNELS[name].check_address(address)}" for name, _, address in named)


def _not_this_token(channel: str, question: TokenQuestion, token: str) -> str:
    """Return a sentence that says what a text isn't, and which other token it is. It never has the text."""
    other = next(
        (
            f"{name.capitalize()}'s {q.name}"
            for name in _platforms()
            for q in CHANNELS[name].tokens
            if q.is_token(token)
        ),
        "",
    )
    is_other = f" It's {other}." if other else ""
    return f"That isn't {channel.capitalize()}'s {question.name}, which {question.looks}.{is_other} {question.how}"


def _read_token(name: str, value: str, *, can_ask: bool) -> str:
    """Return an option's value. For “-”, read a line from the standard input, without showing it on a terminal."""
    question = next((q for each in _platforms() for q in CHANNELS[each].tokens if q.alias == name), None)
    if question is None:
        return _pasted(value)
    if value == STDIN:
        value = _asked_secretly(f"{name} (not shown)") if can_ask else sys.stdin.readline(LONGEST_LINE)
        if not value.strip():
            raise UsageError(f"The standard input has no line for {name}. Give one line for each token.")
    return question.in_text(_pasted(value))


def _platforms_in(text: str) -> list[str]:
    """Return the platforms that a person names. Raise UsageError if there is no such platform."""
    words = text.casefold().replace(",", " ").replace(" and ", " ").split()
    known = _platforms()
    if words == [NONE]:
        return []
    if words == [BOTH]:
        return known
    for word in words:
        if word not in known:
            near = suggest(word, [*known, BOTH, NONE])
            raise UsageError(
                f"“{word}” isn't a platform.{f' Did you mean {near}?' if near else ''} Use {PLATFORM_OPTION}."
            )
    if not words:
        raise UsageError(f"No platform is named. Use {PLATFORM_OPTION}.")
    return [name for name in known if name in words]


def _asked(question: str, understand: Callable[[str], T], *, default: str) -> T:
    """Ask until the answer can be understood."""
    while True:
        text: str = typer.prompt(question, default=default, err=True)
        try:
            return understand(text.strip())
        except UsageError as fault:
            say_wrapped(_without_names(fault))


def _asked_secretly(question: str) -> str:
    """Ask for a secret. Nothing that is typed is shown, not even before the question is."""
    try:
        return _pasted(getpass(f"{question}: "))
    except EOFError:
        raise typer.Abort from None


def _pasted(text: str) -> str:
    """Return a value without the spaces and the quotes that were copied with it."""
    found = text.strip()
    return found[1:-1].strip() if len(found) > 1 and found[0] == found[-1] and found[0] in "\"'`" else found


def _without_names(fault: CountersignError) -> str:
    """Return an error's sentence as the answer to a question, without the name of the setting before it."""
    if not isinstance(fault, ConfigError):
        return str(fault)
    sentences = (problem.partition(": ")[2] or problem for problem in fault.problems)
    return "\n".join(f"{sentence[:1].upper()}{sentence[1:].rstrip('.')}." for sentence in sentences)
