"""A message says how its list arrived, in each language."""

from dataclasses import replace

import pytest
from support.samples import signed

from bot.domain.language import Language
from bot.domain.messages.change_json import change_json
from bot.domain.text.rich_text import plain_text
from bot.domain.text.wording import Wording
from bot.domain.way import Way

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
SAID = {
    (Way.DIRECT, Language.ENGLISH): "fetched",
    (Way.DIRECT, Language.SPANISH): "descargada el",
    (Way.RELAY, Language.ENGLISH): "read by a relay",
    (Way.RELAY, Language.SPANISH): "leída por un repetidor el",
    (Way.UPSTREAM, Language.ENGLISH): "read by another Countersign",
    (Way.UPSTREAM, Language.SPANISH): "leída por otro Countersign el",
    (Way.ARCHIVE, Language.ENGLISH): "as captured by the Internet Archive",
    (Way.ARCHIVE, Language.SPANISH): "tal como la capturó el Internet Archive el",
}


def test_every_way_has_words_in_every_language():
    assert set(SAID) == {(way, language) for way in Way for language in Language}


@pytest.mark.parametrize(("way", "language"), SAID)
def test_a_message_says_how_its_list_arrived(way, language):
    change = signed(1, "TX")
    change = replace(change, publication=replace(change.publication, way=way))
    said = plain_text(Wording(language, "America/Chicago").sources([change], page=PAGE))
    assert SAID[way, language] in said
    assert change_json(change)["way"] == way.value
