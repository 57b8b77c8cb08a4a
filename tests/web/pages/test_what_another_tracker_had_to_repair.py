"""The eight failures that another tracker had to repair, by its own history, tried on every page."""

import re
import struct
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from support.samples import agreement, change, publication, record
from web.pages.test_pages import INSTALLATION, Clock, filled, galveston, origin, served

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.lists.names import canonical
from bot.domain.page_addresses import path_in
from bot.domain.site.page import HTML
from bot.domain.site.pages import PAGES
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import model_now
from bot.web.pages.export import export, file_of
from bot.web.pages.rendering import assets, render, render_everything

GONE = {
    "": ("No longer on ICE’s list since", "missing since", "Not on ICE’s list now"),
    "/es": ("Ya no está en la lista de ICE desde",),
}


@pytest.fixture(autouse=True)
def _drawings_stay_svg(monkeypatch):
    """Don't convert the cards of all states, of which each takes a quarter of a second."""
    monkeypatch.setattr("bot.web.pages.rendering.png_here", str.encode)


class Elements(HTMLParser):
    """The elements of a page, as pairs of a tag and its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


async def after(*lists):
    """Return the store's model after these lists, each one a list of changes."""
    store = TinyStore.in_memory()
    for number, changes in enumerate(lists, start=1):
        await store.record(record(await store.known(), changes, number=number))
    return await model_now(origin(store, Clock()))


async def everything():
    """Return the model of a store with all kinds of agencies."""
    return await model_now(origin(await filled(TinyStore.in_memory()), Clock()))


def text_of(model, path):
    return render(model, path, {}, INSTALLATION).body.decode()


def html_pages(model):
    """Return the text of every HTML page in both languages, by path."""
    paths = [path for page in PAGES if page.content_type == HTML for path in page.every(model)]
    return {path_in(language, path): text_of(model, path_in(language, path)) for language in Language for path in paths}


# ── 1. agencies on the list were shown as having left it ─────────────────────────────────────────────────────────────

OLD, NEW = galveston(), galveston(agency="Galveston Sheriff", canonical="galveston sheriff")
WSO = galveston(support_type=SupportType.WSO)
NEW_WSO = replace(NEW, support_type=SupportType.WSO)
P2, P3 = publication(2), publication(3)
STILL_LISTED = {
    "one of two agreements left": ([OLD, WSO], [change(Kind.WITHDRAWN, WSO, P2)]),
    "left and came back": ([OLD], [change(Kind.WITHDRAWN, OLD, P2)], [change(Kind.REINSTATED, OLD, P3)]),
    "came back under another spelling": (
        [OLD], [change(Kind.WITHDRAWN, OLD, P2)], [change(Kind.REINSTATED, NEW, P3, was=OLD)],
    ),
    "renamed": ([OLD], [change(Kind.RENAMED, NEW, P2, was=OLD)]),
    "renamed, and one agreement left": (
        [OLD, WSO], [change(Kind.RENAMED, NEW, P2, was=OLD), change(Kind.WITHDRAWN, WSO, P2)],
    ),
    "one agreement left, and later the other was renamed": (
        [OLD, WSO], [change(Kind.WITHDRAWN, WSO, P2)], [change(Kind.RENAMED, NEW, P3, was=OLD)],
    ),
    "renamed and renamed back": (
        [OLD], [change(Kind.RENAMED, NEW, P2, was=OLD)], [change(Kind.RENAMED, OLD, P3, was=NEW)],
    ),
    "moved to another state": ([OLD], [change(Kind.CORRECTED, replace(OLD, state="FL"), P2, was=OLD)]),
    "left the pending list when it was signed": ([OLD], [change(Kind.AMENDED, OLD, P2, was=OLD, pending=OLD)]),
}  # fmt: skip


@pytest.mark.parametrize("story", STILL_LISTED)
@pytest.mark.parametrize("prefix", ["", "/es"])
async def test_an_agency_on_the_list_is_nowhere_shown_as_having_left_it(story, prefix):
    first, *later = STILL_LISTED[story]
    model = await after([change(Kind.LISTED, each) for each in first], *later)
    assert model.site.listed, "the story ends on the list"
    for code in ("TX", "FL"):
        assert 'id="gone"' not in text_of(model, f"{prefix}/states/{code}"), code
    for slug in model.site.agencies.by_slug:
        shown = text_of(model, f"{prefix}/agencies/{slug}").partition('id="changes"')[0]
        assert not [words for words in GONE[prefix] if words in shown], slug


async def test_a_departure_that_we_retracted_is_not_shown_as_one():
    wrong = change(Kind.WITHDRAWN, OLD, P2, before=publication(1), seq=2)
    retraction = replace(wrong, kind=Kind.RETRACTED, retracts=2, retracted=Kind.WITHDRAWN, because="We misread.", seq=0)
    model = await after([change(Kind.LISTED, OLD)], [wrong], [retraction])
    shown = text_of(model, "/agencies/tx-galveston-county-sheriffs-office")
    assert "then retracted that report" in shown
    assert 'class="lede">No longer' not in shown
    assert 'id="gone"' not in text_of(model, "/states/TX")


async def test_an_agency_that_left_twice_has_left_since_the_second_time_even_if_the_first_was_retracted():
    first = change(Kind.WITHDRAWN, OLD, P2, seq=2)
    retraction = replace(first, kind=Kind.RETRACTED, retracts=2, retracted=Kind.WITHDRAWN, seq=0)
    model = await after([change(Kind.LISTED, OLD)], [first, retraction], [change(Kind.REINSTATED, OLD, P3)])
    assert [agency.left for agency in model.site.listed] == [None]
    gone = await after(
        [change(Kind.LISTED, OLD)], [first, retraction], [change(Kind.REINSTATED, OLD, P3)],
        [change(Kind.WITHDRAWN, OLD, publication(4))],
    )  # fmt: skip
    assert gone.site.agencies.by_slug["tx-galveston-county-sheriffs-office"].left.seq == 5


# ── 2. an apostrophe made two agencies of one, with addresses such as …-tx-1 ─────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Galveston County Sheriff's Office", "Galveston County Sheriff’s Office"),
        ("Galveston County Sheriff's Office", "Galveston County Sheriff`s Office"),
        ("Galveston County Sheriff's Office", "GALVESTON COUNTY SHERIFF‘S OFFICE"),
        ("Doña Ana County Sheriff's Office", "Don\u0303a Ana County Sheriff's Office"),
        ("Miami-Dade Police Department", "Miami–Dade Police Department"),
        ("Bay County Sheriff's Office", "Bay County  Sheriff's\u00a0Office"),
    ],
)
async def test_another_apostrophe_accent_dash_or_space_makes_no_second_agency(one, other):
    first, second = (
        agreement(1, "TX", agency=name, canonical=canonical(name, "TX"), support_type=kind)
        for name, kind in ((one, SupportType.TFM), (other, SupportType.WSO))
    )
    model = await after([change(Kind.LISTED, first)], [change(Kind.SIGNED, second, P2)])
    (slug,) = model.site.agencies.by_slug
    assert not re.search(r"-\d+$", slug)
    assert len(model.site.agencies.by_slug[slug].rows) == 2


# ── 3. agency pages answered 500 when an optional value was missing ──────────────────────────────────────────────────

BARE = {"county": "", "agency_type": "", "signed": None, "moa": None, "addendum": None, "place": "", "printed": {}}


@pytest.mark.parametrize("missing", [*BARE, "everything", "row", "hash"])
async def test_every_page_answers_when_the_list_leaves_a_cell_empty(missing, caplog):
    gone = dict(BARE) if missing == "everything" else {name: BARE[name] for name in BARE if name == missing}
    one, two = galveston(**gone), agreement(7, "GU", **gone)
    where = replace(P2, evidence="", address="") if missing == "hash" else P2
    changes = [
        change(Kind.SIGNED, one, where), change(Kind.WITHDRAWN, two, where),
        change(Kind.RENAMED, replace(one, agency="Galveston", canonical="galveston"), where, was=one),
    ]  # fmt: skip
    changes = [replace(each, row=None, because="") for each in changes] if missing in {"row", "everything"} else changes
    model = await after([change(Kind.LISTED, two)], changes)
    for path, text in html_pages(model).items():
        assert "<h1" in text, path
        assert "None" not in text, path


async def test_a_change_answers_when_its_file_is_lost_and_the_file_is_404(unused_tcp_port, monkeypatch):
    store = await filled(TinyStore.in_memory())

    async def lost(_sha256):
        return None

    monkeypatch.setattr(store, "evidence", lost)
    async with served(store, unused_tcp_port) as client:
        assert (await client.get("/changes/3")).status_code == 200
        for sha256 in (await client.cache.model()).site.evidence:
            assert (await client.get(f"/evidence/{sha256}")).status_code == 404


# ── 4. state pages had no card for link previews ─────────────────────────────────────────────────────────────────────


async def test_every_page_names_a_card_that_answers_with_a_picture_of_its_state_and_words_for_it():
    model = await everything()
    drawn = {}
    for path, text in html_pages(model).items():
        said = {
            attrs.get("property"): attrs["content"]
            for tag, attrs in Elements(text).found
            if tag == "meta" and "content" in attrs
        }
        drawn[path] = said["og:image"].removeprefix(INSTALLATION.base)
        assert said["og:image"].startswith("https://example.org/"), path
        assert len(said["og:image:alt"]) > 15, path
        assert said["og:title"], path
        assert said["og:description"], path
    for prefix in ("", "/es"):
        assert drawn[f"{prefix}/agencies/tx-galveston-county-sheriffs-office"] == f"{prefix}/states/TX/card.png"
        assert drawn[f"{prefix}/counties/tx-galveston-county"] == f"{prefix}/states/TX/card.png"
        assert drawn[f"{prefix}/states/VT"] == f"{prefix}/states/VT/card.png"
        assert drawn[f"{prefix}/about"] == f"{prefix}/card.png"
    for path in sorted(set(drawn.values())):
        svg = render(model, path, {}, INSTALLATION, to_png=str.encode)  # a picture's size is in its drawing
        assert (svg.status, svg.headers["Content-Type"]) == (200, "image/png"), path
        assert b'width="1200" height="630"' in svg.body, path
    png = render(model, "/es/states/VT/card.png", {}, INSTALLATION).body
    assert struct.unpack(">II", png[16:24]) == (1200, 630)


# ── 5. canonical links led to language redirects ─────────────────────────────────────────────────────────────────────


@pytest.mark.slow
async def test_every_canonical_and_language_link_names_a_page_that_answers_itself():
    model = await everything()
    answers = dict(render_everything(model, INSTALLATION))
    for path, text in html_pages(model).items():
        links = [
            attrs for tag, attrs in Elements(text).found if tag == "link" and attrs["rel"] in {"canonical", "alternate"}
        ]
        pages = [each for each in links if each["rel"] == "canonical" or "hreflang" in each]
        if not pages:
            assert '<meta name="robots" content="noindex">' in text, path
            continue
        (canonical_link,) = [each["href"] for each in pages if each["rel"] == "canonical"]
        assert canonical_link == f"https://example.org{path}"
        by_language = {each["hreflang"]: each["href"] for each in pages if "hreflang" in each}
        assert set(by_language) == {"en", "es", "x-default"}
        assert canonical_link in by_language.values()
        for target in by_language.values():
            assert answers[target.removeprefix("https://example.org")].status == 200, target


# ── 6. a file was missing for weeks under green builds ───────────────────────────────────────────────────────────────


@pytest.mark.slow
async def test_every_address_that_the_table_of_pages_names_answers_with_content_of_its_type():
    model, tried = await everything(), set()
    for page in PAGES:
        for path in page.every(model):
            tried.add(page.pattern)
            found = render(model, path, {}, INSTALLATION)
            assert (found.status, found.headers["Content-Type"]) == (200, page.content_type), path
            assert found.body.strip(), path
            if page.content_type.startswith("text/csv"):
                assert found.body.count(b"\n") >= 1, path
    static = {page.pattern for page in PAGES if page.is_static}
    continued = {page.pattern for page in PAGES if re.search("/changes/(to-|before/)", page.pattern)}
    assert static - tried == continued  # there is no page after the first until there are a hundred changes


@pytest.mark.slow
async def test_every_file_that_an_exported_page_names_is_in_the_export(tmp_path):
    store = await filled(TinyStore.in_memory())
    await export(await model_now(origin(store, Clock())), store, INSTALLATION, tmp_path)
    for page in tmp_path.rglob("*.html"):
        for _, attrs in Elements(page.read_text()).found:
            for target in filter(None, (attrs.get("href"), attrs.get("src"))):
                path = re.sub(r"[?#].*", "", target.removeprefix(INSTALLATION.base))
                if path.startswith("/"):
                    file = tmp_path / path.strip("/")
                    file = file if file.is_file() else tmp_path / file_of(path)
                    assert file.is_file(), (str(page), target)
                    assert file.stat().st_size, (str(page), target)


# ── 7. a tooltip that phones can't open held what the page had to say ────────────────────────────────────────────────


async def test_nothing_is_said_only_in_a_tooltip_or_on_hover():
    for path, text in html_pages(await everything()).items():
        titled = [(tag, attrs) for tag, attrs in Elements(text).found if "title" in attrs and tag != "link"]
        assert titled == [], path
        outside = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
        for target in re.findall(r'<a[^>]* href="([^"]+)"[^>]* tabindex="-1"', text):
            assert f'href="{target}"' in outside, (path, "a link that only the map has", target)
    css = assets()["site.css"].rendered.body.decode()
    for rule in re.findall(r"[^{}]*:hover[^{}]*\{([^}]*)\}", css):
        assert set(re.findall(r"([a-z-]+):", rule)) <= {"text-decoration", "color", "background"}, rule


# ── 8. empty states were “0th in the country” ────────────────────────────────────────────────────────────────────────


async def test_nothing_is_ranked_and_a_count_of_nothing_is_said_in_words():
    for model in (await everything(), await after([change(Kind.LISTED, OLD)]), await after()):
        for path, text in html_pages(model).items():
            said = re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<table.*?</table>|<[^>]+>", "", text, flags=re.DOTALL))
            assert not re.search(r"\b\d+(st|nd|rd|th) (in|of|among)\b", said), path
            assert not re.search(r"\b\d+\.?[º°ª] ", said), path
            nothing = re.search(r"(?<![\d,.–] )\b0 (?!of \d+ count|de \d+ cond)[a-z]+.{0,30}", said)
            assert nothing is None, (path, nothing[0])


async def test_a_state_without_agencies_says_so_in_both_languages():
    model = await after([change(Kind.LISTED, OLD)])
    empty = [code for code in STATES if code != "TX"]
    assert len(empty) > 50
    for code in empty:
        assert f"No agency in {STATES[code]} is on ICE’s list." in text_of(model, f"/states/{code}"), code
        assert "en la lista de ICE" in text_of(model, f"/es/states/{code}").partition('class="lede"')[2][:200], code
