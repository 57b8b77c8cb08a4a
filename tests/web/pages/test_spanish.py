"""A Spanish page has no English words, apart from names and from what agendas and ICE's list say."""

from html.parser import HTMLParser

import pytest
from support.english_words import english_in
from web.pages.test_pages import INSTALLATION
from web.pages.test_what_another_tracker_had_to_repair import everything

from bot.domain.language import Language
from bot.domain.page_addresses import path_in
from bot.domain.site.page import HTML
from bot.domain.site.pages import PAGES
from bot.web.pages.rendering import curly, render

UNSAID = frozenset({"script", "style", "svg", "code"})
TABLE_NAMES = frozenset({"agreements", "changes", "meetings", "history", "states"})  # as in the files
VOID = frozenset({"meta", "link", "img", "input", "br", "hr", "area"})


class Said(HTMLParser):
    """Collects what a page says in its own language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if not any(is_off for _, is_off in self.open):
            self.texts += [given[key] for key in ("title", "alt", "aria-label", "placeholder") if given.get(key)]
        if tag not in VOID:
            self.open.append((tag, given.get("lang") == "en" or tag in UNSAID))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not any(is_off for _, is_off in self.open):
            self.texts.append(data.strip())


def names_in(model):
    """Return what others wrote: names of agencies and bodies, titles of items and what they say."""
    for agency in model.site.agencies.by_slug.values():
        yield from (agency.name, agency.last.county, *agency.earlier)
    for change in model.site.changes:
        yield from (change.agreement.agency, change.agreement.county)
        if (mention := change.mention) is not None:
            yield from (mention.title, mention.excerpt, mention.body, mention.source, *mention.matched)


@pytest.mark.slow
async def test_no_spanish_page_has_english_words():
    model = await everything()
    names = {form for name in names_in(model) if name for form in (name, curly(name))}
    found = {}
    paths = [path for page in PAGES if page.content_type == HTML and page.is_spoken for path in page.every(model)]
    for path in paths:
        target = path_in(Language.SPANISH, path)
        page = render(model, target, {}, INSTALLATION).body.decode()
        texts = [text for text in Said(page).texts if text not in TABLE_NAMES]
        found |= {(target, text): words for text in texts if (words := english_in(text, names))}
    assert found == {}
    assert len(paths) > 100
