"""No table of the kinds of change forgets one."""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module

from support.listings import listing, row

import bot.domain
from bot.domain.agenda import Mention
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import ListName
from bot.domain.change import LEAVING, NEVER_CHOSEN, NEVER_TOLD, Change, Kind
from bot.domain.chat.replies import CHOICES
from bot.domain.language import Language
from bot.domain.messages.net_changes import ARRIVING, IN_PLACE
from bot.domain.text.wording import COUNTED, HAPPENED, Wording

TOLD, CHOSEN = set(Kind) - NEVER_TOLD, set(Kind) - NEVER_CHOSEN


def tables() -> Iterator[tuple[str, set[Kind]]]:
    """Yield every table by kind that a module of the domain defines."""
    for module in pkgutil.walk_packages(bot.domain.__path__, "bot.domain."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, Mapping) and value and all(isinstance(key, Kind) for key in value):
                yield f"{module.name}.{name}", set(value)


def test_the_tables_of_sentences_have_every_kind_they_need() -> None:
    assert set(HAPPENED) == set(Kind)
    assert set(COUNTED) == TOLD
    assert set(CHOICES) == CHOSEN


def test_a_phrase_names_the_list_or_the_agenda_that_the_change_is_on() -> None:
    wording = Wording(Language.ENGLISH, "UTC")
    publication = listing([]).publication
    signed = Change(
        kind=Kind.LISTED, list=ListName.PARTICIPATING, agreement=row("Tampa Police"), publication=publication, row=2
    )
    pending = replace(signed, list=ListName.PENDING)
    on_agenda = mention_change(
        Mention(source="Nash", item="1", state="NC", title="287(g)", address="", evidence=""), publication, Kind.LISTED
    )
    for kind in (Kind.LISTED, Kind.CORRECTED, Kind.RENAMED, Kind.AMENDED):
        assert "on ICE's list" in wording.happened(kind, signed)
        assert "on ICE's pending list" in wording.happened(kind, pending)
    for kind in (Kind.LISTED, Kind.AMENDED):
        assert "on a local agenda" in wording.happened(kind, on_agenda)


def test_every_kind_arrives_leaves_changes_in_place_or_is_told_apart_from_the_lists() -> None:
    apart = {Kind.MENTIONED, Kind.RELATED, Kind.RETRACTED, Kind.LISTED}

    assert sorted([*ARRIVING, *LEAVING, *IN_PLACE, *apart]) == sorted(Kind)


def test_no_other_table_of_the_domain_forgets_a_kind() -> None:
    on_lists = TOLD - {Kind.MENTIONED, Kind.RELATED, Kind.RETRACTED}
    moves_totals = {Kind.SIGNED, Kind.WITHDRAWN, Kind.REINSTATED}
    complete = [set(Kind), TOLD, CHOSEN, set(IN_PLACE), on_lists, moves_totals]

    assert [name for name, kinds in tables() if kinds not in complete] == []
    assert len({name for name, _ in tables()}) >= 4
