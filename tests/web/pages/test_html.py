"""HTML by our own rules, because no validator is among the libraries.

They are the rules of the standard that templates can break: tags in order, one element per id, references that lead
somewhere, nothing inside what may not contain it, and words for every picture and field.
"""

from collections import Counter
from html.parser import HTMLParser

import pytest
from web.pages.test_pages import INSTALLATION, Clock, filled, origin
from web.pages.test_what_another_tracker_had_to_repair import everything

from bot.domain.language import Language
from bot.domain.site.page import HTML
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import model_now
from bot.web.pages.rendering import failed, missing_page, render, targets

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
PHRASING = frozenset(
    [
        "a",
        "abbr",
        "b",
        "br",
        "button",
        "code",
        "em",
        "i",
        "img",
        "input",
        "label",
        "select",
        "small",
        "span",
        "strong",
        "svg",
        "textarea",
        "time",
    ]
)
ONLY_PHRASING = frozenset(["p", "h1", "h2", "h3", "h4", "label", "summary", "dt", "button", "a", "option", "title"])
INTERACTIVE = frozenset(["a", "button", "input", "select", "textarea", "label", "summary"])
PARENTS = {
    "li": {"ul", "ol"}, "dt": {"dl"}, "dd": {"dl"}, "tr": {"thead", "tbody"}, "td": {"tr"}, "th": {"tr"},
    "thead": {"table"}, "tbody": {"table"}, "option": {"select"}, "figcaption": {"figure"}, "summary": {"details"},
}  # fmt: skip
CHILDREN = {
    "ul": {"li"}, "ol": {"li"}, "dl": {"dt", "dd"}, "tr": {"td", "th"}, "tbody": {"tr"}, "thead": {"tr"},
    "table": {"thead", "tbody"}, "select": {"option"},
}  # fmt: skip
REFERENCES = ("for", "aria-labelledby", "aria-describedby")


class Checked(HTMLParser):
    """Reads a page and collects what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: Counter[str] = Counter()
        self.named: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()
        self.wrong += [f"never closed: {tag}" for tag in self.open]
        self.wrong += [f"id twice: {name}" for name, n in self.ids.items() if n > 1]
        self.wrong += [f"no such id: {name}" for name in self.named if name not in self.ids]

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if len(given) != len(attrs):
            self.wrong.append(f"an attribute twice: {tag} {attrs}")
        if "svg" not in self.open:
            self._nested(tag, given)
        if name := given.get("id"):
            self.ids[name] += 1
        self.named += [each for name in REFERENCES for each in (given.get(name) or "").split()]
        if (given.get("href") or "").startswith("#"):
            self.named.append(given["href"][1:])
        if tag == "img" and not given.get("alt") and given.get("role") != "presentation":
            self.wrong.append("a picture without words")
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def _nested(self, tag, given):
        parent = self.open[-1] if self.open else ""
        inner = {"a", "button", "label"} & set(self.open)
        if tag in PARENTS and parent not in PARENTS[tag]:
            self.wrong.append(f"{tag} in {parent}")
        if parent in CHILDREN and tag not in CHILDREN[parent]:
            self.wrong.append(f"{tag} in {parent}")
        if any(each in ONLY_PHRASING for each in self.open) and tag not in PHRASING:
            self.wrong.append(f"{tag} within {self.open[-3:]}")
        if tag in INTERACTIVE and inner and not (inner == {"label"} and tag != "label"):
            self.wrong.append(f"{tag} within {inner}")
        if tag == "form" and "form" in self.open:
            self.wrong.append("a form in a form")
        if not given.get("href", "x").strip():
            self.wrong.append("an empty link")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()


def faults(text: str) -> list[str]:
    page = Checked(text)
    steps = [f"h{a} before h{b}" for a, b in zip(page.headings, page.headings[1:], strict=False) if b > a + 1]
    ones = [] if page.headings.count(1) == 1 else ["not one h1"]
    start = [] if text.lstrip().lower().startswith("<!doctype html>") else ["no doctype"]
    return [*page.wrong, *steps, *ones, *start]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["every kind of page", "filled", "empty"])
async def test_every_page_is_html_by_our_rules(state):
    if state == "every kind of page":
        model = await everything()
    else:
        store = await filled(TinyStore.in_memory()) if state == "filled" else TinyStore.in_memory()
        model = await model_now(origin(store, Clock()))
    found = {"404": missing_page(model, INSTALLATION)}
    found |= {f"error {language}": failed(language, INSTALLATION) for language in Language}
    found |= {target: render(model, target, {}, INSTALLATION, lambda svg: svg.encode()) for target in targets(model)}
    for query in ({"q": "police"}, {"q": "<b>"}, {}):
        found[f"/search {query}"] = render(model, "/search", query, INSTALLATION)
    pages = {path: page for path, page in found.items() if page.headers.get("Content-Type") == HTML}
    wrong = {path: faults(page.body.decode()) for path, page in pages.items() if page.status != 301}
    assert {path: each for path, each in wrong.items() if each} == {}
    assert len(wrong) > 100


@pytest.mark.parametrize(
    "broken",
    [
        "<p><ul><li>x</li></ul></p>", "<ul><p>x</p></ul>", "<div><p></div></p>", "<a href='/'><a href='/'>x</a></a>",
        "<p id=a></p><p id=a></p>", "<label for=none>x</label>", "<img src=x>", "<tr><td>x</td></tr>", "<div>",
        "<a href='#none'>x</a>", "<table><tr><td>x</td></tr></table>", "<h1>again</h1>", "<h3>deep</h3>",
    ],
)  # fmt: skip
def test_the_rules_find_what_is_broken(broken):
    whole = f"<!doctype html><html><body><h1>x</h1>{broken}</body></html>"
    assert faults(whole) != []
    assert faults(whole.replace(broken, "<p>x</p>")) == []
