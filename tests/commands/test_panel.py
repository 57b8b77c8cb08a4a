"""The settings panel, over a real store: what its buttons do, and what old ones don't."""

from datetime import timedelta

import pytest
from support.chat import NOW, SIGNED, Chat
from support.program import row

from bot.domain.change import Kind
from bot.domain.chat.request import LONGEST_COMMAND
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Cadence
from bot.domain.text.rich_text import plain_text
from bot.store.tiny.store import TinyStore


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    made = Chat(store)
    yield made
    await store.close()


def commands(reply) -> list[str]:
    return [button.command for line in reply.buttons for button in line]


@pytest.mark.parametrize("language", Language)
async def test_every_button_fits_and_leads_to_a_page_edited_in_place(talk, language):
    await talk.ask("watch TX", language=language)
    await talk.ask("watch agency " + "department of public safety " * 2, language=language)
    await talk.ask("digest weekly", language=language)
    seen, ahead = set(), commands(await talk.ask("settings"))
    while ahead:
        command = ahead.pop()
        page = command.partition(" ")[2].split(" ")[0]
        if command in seen or page in {"undo", "drop", "language"}:
            continue
        seen.add(command)
        assert len(command.encode()) <= LONGEST_COMMAND
        reply = await talk.ask(command)
        assert reply.in_place
        if len(command.split()) == 2:
            ahead += commands(reply)
    assert len(seen) > 100


async def test_a_button_pressed_twice_or_by_two_people_does_what_it_says(talk):
    await talk.ask("watch TX")
    for pressed in ("panel kinds -applied", "panel kinds -applied", "panel states +OK", "panel states +OK"):
        await talk.ask(pressed)
    mine = await talk.mine()
    assert Kind.APPLIED not in mine.filter.kinds
    assert set(mine.filter.states) == {"TX", "OK"}
    assert not (await talk.ask("panel states +OK")).changed


async def test_an_old_button_never_narrows_or_empties_what_is_watched(talk):
    await talk.ask("watch TX")
    await talk.ask("watch agency tampa police")
    await talk.ask("panel states +all")
    await talk.ask("panel states +OK")
    assert set((await talk.mine()).filter.states) == {ALL_STATES}
    await talk.ask("panel states =OK")
    await talk.ask("panel states =TX")
    await talk.ask("panel states -all")
    mine = await talk.mine()
    assert set(mine.filter.states) == {"OK", "TX"}
    assert set(mine.filter.agencies) == {"tampa police"}


async def test_each_place_has_a_button_that_removes_it_and_no_other(talk):
    await talk.ask("watch TX")
    await talk.ask("watch Harris County TX")
    await talk.ask("watch agency " + "department of public safety " * 2)
    drops = [command for command in commands(await talk.ask("panel places")) if command.startswith("panel drop")]
    assert len(drops) == 3
    await talk.ask(drops[1])
    await talk.ask(drops[1])
    mine = await talk.mine()
    assert (set(mine.filter.states), mine.filter.counties, len(mine.filter.agencies)) == ({"TX"}, {}, 1)


async def test_after_forget_a_button_of_an_old_panel_stores_nothing(talk):
    undo = commands(await talk.ask("watch TX"))[0]
    await talk.ask("forget yes")
    for old in ("kinds -signed", "often daily", "language es", "pause 1 week", "drop TX", "states -TX", "resume", undo):
        await talk.ask(f"panel {old}")
        assert await talk.mine() is None
    await talk.ask("watch OH")
    await talk.ask(undo)
    assert set((await talk.mine()).filter.states) == {"OH"}


async def test_cadence_hour_zone_language_and_pause_are_set_and_undone(talk):
    await talk.ask("watch TX")
    for pressed in ("often daily", "hour 08:00", "zone America/Chicago", "pause 3 days", "language es"):
        assert (await talk.ask(f"panel {pressed}")).changed
    mine = await talk.mine()
    assert (mine.cadence, mine.at.hour, mine.tz) == (Cadence.DAILY, 8, "America/Chicago")
    assert (mine.language, mine.quiet_until) == (Language.SPANISH, NOW + timedelta(days=3))
    undo = next(command for command in commands(await talk.ask("panel")) if command.startswith("panel undo"))
    assert "Undone." in plain_text((await talk.ask(undo)).lines)
    assert (await talk.mine()).language is Language.ENGLISH
    await talk.ask("panel resume")
    assert (await talk.mine()).quiet_until is None


async def test_no_agency_is_skipped_if_the_list_shrinks_between_two_pages(talk):
    rows = [row("TEXAS", f"Town{n:02} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(50)]
    await talk.publish(rows, NOW - timedelta(days=2))
    first = await talk.ask("list TX")
    await talk.publish(rows[3:], NOW - timedelta(days=1))
    second = await talk.ask(commands(first)[0])
    assert second.in_place
    assert "Town20 Police Department" in plain_text(second.lines[2:3])
    file = (await talk.ask("list TX csv")).file
    assert file is not None
    assert file.body.count(b"Police Department") == 47


async def test_a_form_sets_the_weekday_and_a_pause_and_ends_it_again(talk):
    await talk.ask("set states=TX cadence=weekly weekday=3 at=08:00 tz=America/Chicago kinds=signed pause=3days")
    mine = await talk.mine()
    assert (mine.cadence, mine.weekday, mine.quiet_until) == (Cadence.WEEKLY, 3, NOW + timedelta(days=3))
    assert "every Thursday at 8 a.m. Central time" in plain_text((await talk.ask("status")).lines)
    await talk.ask("set states=TX cadence=weekly weekday=4 at=08:00 tz=America/Chicago kinds=signed pause=resume")
    mine = await talk.mine()
    assert (mine.weekday, mine.quiet_until) == (4, None)
