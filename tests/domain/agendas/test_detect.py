import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cpu_budget import cpu_budget
from support.places import PAGES, needs_pages

from bot.domain.agenda import AgendaItem, Passage, Subject
from bot.domain.agendas.detect import EXCERPT, MOST_PASSAGES, find_passages, passages_in
from bot.sources.formats.html import readable_html
from bot.sources.formats.pdf import pdf_pages

LABELED = sorted((Path(__file__).parent / "mentions").glob("*.toml"))
TEXTS = [(path.stem, entry) for path in LABELED for entry in tomllib.loads(path.read_text(encoding="utf-8"))["text"]]
REAL = [
    *(f"{name}.pdf" for name in ("nash-county-nc-agenda", "nash-county-nc-minutes")),
    *(f"nash-county-nc-search-{name}.html" for name in ("1-day", "3-days")),
    *(f"fine-ny-{name}.html" for name in ("categories", "detail-29", "town-board-2025", "town-board-2026")),
    "civicplus-sites.csv",
    "manifest.json",
]


PASSAGES = tomllib.loads((Path(__file__).parent / "passages.toml").read_text(encoding="utf-8"))["text"]


def subject_of(text: str) -> str:
    """Return the subject of a text as the labels name it."""
    subjects = {passage.subject for passage in find_passages(text)}
    return "287(g)" if Subject.PROGRAM in subjects else "related" if subjects else "none"


def matched(text: str) -> list[str]:
    return [passage.matched for passage in find_passages(text)]


# ── the labeled texts ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "entry", [entry for _, entry in TEXTS], ids=[f"{name}-{number}" for number, (name, _) in enumerate(TEXTS)]
)
def test_a_labeled_text_is_judged_right(entry):
    assert speaks(entry["text"], entry["speaks"]) == entry["speaks"], entry["why"]


def speaks(text: str, label: bool) -> bool:
    """Judge a text as these labels mean it. Detention contracts are labeled true, HSI's agreements false."""
    subject = subject_of(text)
    return label if subject == "related" else subject == "287(g)"


def test_precision_and_recall_on_the_labeled_texts_are_both_one(capsys):
    judged = [(speaks(entry["text"], entry["speaks"]), entry["speaks"]) for _, entry in TEXTS]
    right = judged.count((True, True))
    precision, recall = right / (right + judged.count((True, False))), right / (right + judged.count((False, True)))
    with capsys.disabled():
        print(f"\n{len(judged)} labeled texts, {right} about it: precision {precision:.3f}, recall {recall:.3f}")
    assert (precision, recall) == (1.0, 1.0)


@pytest.mark.parametrize("entry", PASSAGES, ids=range(len(PASSAGES)))
def test_a_labeled_passage_has_its_subject(entry):
    assert subject_of(entry["text"]) == entry["subject"], entry["why"]


# Written after the rule was mended, to break it.
OF_EACH_SUBJECT = {
    "287(g)": [
        "Execute MOA - US ICE - Constable",
        "Police: Memorandum of Understanding (U.S. ICE)",
        "Consider ICE's proposed agreement with the Sheriff",
        "Memorandum of Agreement, U.S. Department of Homeland Security/ICE, Sheriff",
        "Amend police budget: task force officer reimbursements from ICE under MOA",
        "El concejo discutió el acuerdo del sheriff con ICE",
        "Memorándum de entendimiento con las autoridades migratorias - Policía",
        "memorand~ of agreement - ice",
        "2&7(g) agreement with ICE",
        "lmmigration and Customs Enforcernent MOA",
        "Agreement with I.C.E. - Sheriff's Office",
        "The board heard a report on the sheriff's 287(g) agreement and on ICE detainers",
    ],
    "related": [
        "Jail bed rental to ICE",
        "BOA with ICE for 48-hour holds",
        "Sheriff: contract to house federal immigration prisoners",
        "Ordenanza santuario para inmigrantes",
        "Resolution affirming that police do not enforce civil immigration law",
        "Ordinance prohibiting city employees from assisting ICE",
        "Memorandum of Understanding with Homeland Security Investigations Task Force, Sheriff",
    ],
    "none": [
        "Resolution calling for accountability of Immigration and Customs Enforcement officers",
        "Resolution urging Congress to defund Immigration and Customs Enforcement",
        "Resolution expressing concern about Immigration and Customs Enforcement activity",
        "Library policy on immigration officers entering nonpublic areas",
        "The grantee shall give immigration officials access to information, as required",
        "Zoning: ICE detention facility text amendment",
        "MOA - Ice Arena - Parks & Rec",
        "SNOW AND ICE CONTROL CONTRACT, JAIL LOT",
        "ICE HOUSE LEASE, JAIL BEDS",
        "FM 287 (g) drainage",
        "Agreement with Local 287(g) of the carpenters' union",
        "U.S. Marshals fugitive task force MOA, officers deputized",
    ],
}


@pytest.mark.parametrize(("subject", "text"), [(key, text) for key, texts in OF_EACH_SUBJECT.items() for text in texts])
def test_neighbors_of_the_labeled_passages_have_their_subject(subject, text):
    assert subject_of(text) == subject


def test_words_about_287g_inside_words_about_detention_decide():
    text = "Agreement between the sheriff for the 287(g) program and detention beds and ICE; detainee housing, jail"
    passage, = find_passages(text)  # fmt: skip
    assert passage.subject is Subject.PROGRAM
    assert "287(g)" in passage.matched


def test_few_labeled_texts_are_related():
    related = [entry["text"] for _, entry in TEXTS if subject_of(entry["text"]) == "related"]
    assert len(related) == 6, "the labels don't tell these from 287(g), so look at each new one"


def test_the_labeled_texts_are_balanced_and_none_appears_twice():
    speaks = sum(entry["speaks"] for _, entry in TEXTS)
    assert len(TEXTS) >= 150
    assert 0.4 <= speaks / len(TEXTS) <= 0.6
    assert len({" ".join(entry["text"].split()) for _, entry in TEXTS}) == len(TEXTS)
    assert all(set(entry) == {"text", "speaks", "why"} and entry["why"] for _, entry in TEXTS)


@needs_pages
@pytest.mark.parametrize("name", REAL)
def test_no_real_page_or_document_of_the_archive_mentions_it(name):
    body = (PAGES / name).read_bytes()
    pages = pdf_pages(body) if name.endswith(".pdf") else (readable_html(body, None), body.decode("utf-8"))
    assert passages_in(AgendaItem(id="1", title="", address="", pages=pages)) == ()


# ── what counts ──────────────────────────────────────────────────────────────────────────────────────────────────────

SPELLINGS = ["287(g)", "287g", "287G", "287 (g)", "287 (G)", "§ 287(g)", "§287(g)", "Section 287(g)", "Sec. 287(g)", "INA 287(g)", "INA § 287(g)", "287 ( g )",
             "287-g program", "287(g)(1)", "287[g]", "287（g）", "287\u00a0(g)", "287\u200b(g)", "287\n(g)", "287\n\n(g)", "287-\n(g)", "287\r\n(g)", "287(\ng)", "anti-287(g)",
             "8 U.S.C. 1357(g)", "8 USC § 1357 (g)", "warrant service officer", "Warrant Service Officers", "WARRANT\nSERVICE OFFICER", "task force model", "TASK FORCE MODEL",
             "jail enforcement model", "Jail Enforcement Model", "U.S. Immigration and Customs Enforcement", "IMMIGRATION & CUSTOMS ENFORCEMENT", "Immigration and\nCustoms Enforcement",
             "memorandum of agreement on immigration"]  # fmt: skip


@pytest.mark.parametrize("words", SPELLINGS)
@pytest.mark.parametrize(
    "frame", ["Approve {}", "Sheriff: {}, discussion and possible action", "9. CONSIDER {} (2ND READING)"]
)
def test_every_spelling_counts_on_an_agenda(words, frame):
    assert find_passages(frame.format(words))


# Written to break the rule, once there was one.
MORE = [
    "Discussion of Immigration and Customs Enforcement",
    "Sheriff: WSO/ICE agreement",
    "Contract with ICE for detention of immigrants at county jail",
    "ICE detention contract, county jail, per diem rate increase",
    "Resolution calling on the sheriff to end his partnership with ICE",
    "Approve agreement between ICE and the Police Department",
    "DHS-ICE MOA for Police Department",
    "Agreement under section 287 (g) of the Act",
    "287(g): Ordinance, first reading",
    "Repeal of Ordinance 2026-14 authorizing 287(g)",
    "Ordinance 287(g): ICE agreements",
    "Section 287(9) of the Immigration and Nationality Act",
    "Bureau of Immigration and Customs Enforcement, memorandum of agreement",
    "Immigrations and Custom Enforcement MOU",
    "Policía: acuerdo con el Servicio de Inmigración",
    "Modelo de grupo de trabajo, acuerdo con ICE",
    "Discussion re: 287 g",
    "Resolution to oppose deputizing local police as federal immigration agents",
    "Termination letter, ICE Memorandum of Agreement, effective in 90 days",
    "Sheriff to brief board about ICE task force agreement",
    "Public hearing on the county's participation in a federal immigration enforcement program",
    "Cooperation agreement with federal immigration officials",
    "Convenio entre la oficina del alguacil y el Servicio de Control de Inmigración y Aduanas de EE. UU.",
    "Voto sobre el programa 287g",
]
NAMESAKES = [
    "Ice storm watch",
    "SHERIFF: ICE STORM DAMAGE AGREEMENT WITH FEMA FOR JAIL",
    "POLICE ATHLETIC LEAGUE AGREEMENT WITH ICE ARENA",
    "Police Department agreement with ICE Data Services",
    "Sheriff's Office: ICE (Intermodal Cargo Express) agreement",
    "Agreement; delegation of authority to the Finance Director",
    "Sec. 287(g) Building Code",
    "Section 287(g) of the Open Meetings Act",
    "Section 287.057(g), Florida Statutes",
    "Local Government Code 287(g)",
    "Motion passed 287 G. Adams seconded",
    "Variance, 287 G Street, lease agreement for an immigration law office",
    "$287 (g) fund",
    "287 gallons of diesel, agreement",
    "8 CFR 287.7 detainers",
    "Broadband task force model",
    "Presentation of a task force model for transit",
    "Firing range use agreement with Immigration and Customs Enforcement",
    "Lease agreement with GSA for Immigration and Customs Enforcement offices",
    "Police report: Immigration and Customs Enforcement arrested three people downtown",
    "Memorandum of Understanding, Department of Homeland Security, E-Verify, Immigration Reform and Control Act",
    "Legal defense fund contract for residents facing immigration enforcement",
    "Memorandum of agreement with Citizenship and Immigration Services",
    "Fentanyl Task Force Model",
    "Vehicle 287G (Police) surplus",
    "Claims 287(G) through 291(G)",
    "Bid Tab 287-G, jail kitchen",
    "Memorandum of understanding with the Mexican Consulate on mobile immigration consulate services",
    "INTERNAL COMBUSTION ENGINE (ICE) VEHICLE REPLACEMENT AGREEMENT, SHERIFF",
    "Polar plunge: ICE rescue training agreement, Fire and Sheriff",
    "Amend Section 287-8(g) of the Municipal Code",
    "Ordinance 287, Section G: alarm permits",
    "Multi-county mutual aid agreement; Immigrant Heritage Month; ICE skating",
]


@pytest.mark.parametrize("text", MORE)
def test_other_wordings_count(text):
    assert find_passages(text)


@pytest.mark.parametrize("text", NAMESAKES)
def test_namesakes_do_not_count(text):
    assert matched(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "ICE",
        "ice",
        "ICE ICE ICE",
        "Agreement with ICE",
        "ICE AGREEMENT",
        "Contract: ICE, salt, sand",
        "Notice: ICE on County Road 9",
    ],
)
def test_bare_ice_never_counts(text):
    assert matched(text) == []


def test_the_next_item_does_not_make_a_namesake_count():
    assert (
        matched(
            "4. Amend Section 287 of the fee schedule\n5. Naturalization: immigration services\n6. Task force report"
        )
        == []
    )
    assert matched("Career fair: Immigration and Customs Enforcement, FBI\n\nApprove agreement for gravel") == []


# ── excerpts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_matched_words_are_as_printed_with_the_words_near_them():
    assert matched("Approve the 287 (G)\nprogram") == ["287 (G)"]
    assert matched("Approve an agreement with U.S. Immigration and Customs Enforcement") == [
        "agreement … Immigration and Customs Enforcement"
    ]
    assert matched("MOA for 287(g), 287(g) Warrant Service Officer") == ["287(g), Warrant Service Officer"]


def test_the_excerpt_is_the_sentence_around_the_words():
    text = "The Board met. The U.S. Sheriff's Assn. of St. Johns County  asked\nto sign a 287(g) MOA. Lunch followed."
    assert [passage.excerpt for passage in find_passages(text)] == [
        "The U.S. Sheriff's Assn. of St. Johns County asked to sign a 287(g) MOA."
    ]


def test_the_excerpt_of_a_list_is_one_item():
    text = "Old Business\n  a. Ice storm debris contract\n  b. Sheriff's 287(g) MOA,\n  second reading\n  c. Ice rink lease"
    assert [passage.excerpt for passage in find_passages(text)] == ["b. Sheriff's 287(g) MOA, second reading"]


def test_a_long_sentence_is_cut_between_words_around_the_match():
    passage, = find_passages("whereas " * 100 + "the 287(g) agreement " + "therefore " * 100)  # fmt: skip
    assert len(passage.excerpt) <= EXCERPT
    assert re.fullmatch(r"…(whereas )+the 287\(g\) agreement( therefore)+…", passage.excerpt)


def test_a_long_word_is_cut():
    passage, = find_passages("x" * 5_000 + " 287(g) " + "y" * 5_000)  # fmt: skip
    assert len(passage.excerpt) <= EXCERPT
    assert "287(g)" in passage.excerpt


def test_a_sentence_counts_once_however_often_it_has_the_words():
    assert len(find_passages("The 287(g) program, or 287(g), is called 287(g). It is 287(g).")) == 2


def test_a_passage_has_its_page_number():
    assert find_passages("287(g) MOA", page=7) == (Passage(matched="287(g)", excerpt="287(g) MOA", page=7),)


def test_an_items_title_text_and_pages_are_all_read():
    item = AgendaItem(
        id="1",
        title="287(g) agreement",
        address="",
        text="The sheriff asks for it. A 287g MOA.",
        pages=("Cover", "287(g)", "", "Sign the 287(g) MOA"),
    )
    assert [(passage.excerpt, passage.page) for passage in passages_in(item)] == [
        ("287(g) agreement", None),
        ("A 287g MOA.", None),
        ("287(g)", 2),
        ("Sign the 287(g) MOA", 4),
    ]


def test_a_text_that_repeats_the_title_counts_once():
    assert len(passages_in(AgendaItem(id="1", title="Approve 287(g) MOA", address="", text="APPROVE 287(g) MOA."))) == 1


def test_an_item_about_something_else_has_no_passages():
    assert passages_in(AgendaItem(id="1", title="Ice storm watch", address="")) == ()


# ── cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = ["287g ", "287(", "287 ( g ", "(g) 287 ", "agreement ", "immigration and customs ", "ICE ", "ICE agreement ", "between a ICE ", "task force model ", "section 287 ",
           "lots 1(g) and ", "287(g). A ", "287(g) of the a a a a a ", "287 g st ", "enforce the of the of all ", "\n", "-\n", " ", "a-\n", "1. ", "ﬃ", "\u00ad\n", "2 8 7 ( ",
           "immigration\n\n", "memorandum between a and ", "acuerdo a con ICE ", "not a b enforce ", "ICE detainer policy "]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_quadratic_time(piece):
    with cpu_budget(20):  # it takes a quarter of a second
        assert len(find_passages(piece * (200_000 // len(piece)))) <= MOST_PASSAGES


@settings(max_examples=200)
@example(["ICE", ". ", "287", " ", "g"])
@given(
    st.lists(
        st.sampled_from(
            [
                "287",
                "(g)",
                "g",
                " ",
                "\n",
                "-\n",
                ". ",
                "Section",
                "ICE",
                "immigration",
                "and customs enforcement",
                "agreement",
                "code",
                "é",
                "\u00ad",
                "1.",
                "…",
                "sheriff",
            ]
        ),
        max_size=40,
    )
)
def test_any_text_is_read_without_an_error_and_excerpts_contain_their_words(pieces):
    for passage in find_passages("".join(pieces)):
        assert 0 < len(passage.excerpt) <= EXCERPT
        assert passage.matched
        words = passage.matched.split(", ")[0].split(" … ")  # the others may stand in the sentence before or after
        assert any(word in passage.excerpt for word in words)


# ── text that OCR has read ───────────────────────────────────────────────────────────────────────────────────────────

# what Tesseract really made of scans of these lines, and neighbors of it
OF_OCR = (
    "Consider the Sheriff's 287(9) agreement with U.S. Immigration and Customs Enforcement",
    "Consider the Sheriff's 28719) agreement with U. S. Immigration, and Customs s Enforceren ee",
    "Discussion: 287(8) program, Task Force Model, training of deputies by ICE",
    "Discussion: 28718) program, Task Mit Model, training of deputies by ICE",
    "Discussion: 2871 g) program, Task F orce Model, training of deputies by ICE",
    "Resolution on a Memorandum of Agreement under Section 287(2) of the Immigration and Nationality Act",
    "Resolution on a Memorandum of Agreement under Section 2879) of the Immigration and Nationality Act",
    "Authorize the Chairman to sign the 287 (e) MOA with ICE",
    "Authorize the Chairman to sign the 287 {g) MOA with ICE",
    "Authorize the Chairman to sign the 287 @ MOA with ICE. Sheriff",
    "Approve 2B7(g) MOA, Sheriff's Office",
    "Approve 287(q) agreement, Police Department",
    "Approve Z87(g) program for deputies",
    "Approve 287(gl program with ICE",
    "Approve the 287[g] program with the Sheriff",
    "Delegation under 8 U.S.C. 1357(9), Immigration and Nationality Act",
    "Agreement with 1CE for the Sheriff's Office",
    "Sheriff: agreement with l.C.E. on immigration detainers and delegated authority",
)
NOT_OF_OCR = (
    "Adopt Ordinance 287.9 on noise; amend Sec. 287(9) of the Code of Ordinances",
    "Item 287 (9): purchase of 287 gallons of paint; check no. 2879 for $287.90",
    "Item 287(9): Sheriff's Office agreement for vehicles",
    "Rezoning of lot 287, block 9, from R-1 to C-2; deed book 287, page 9",
    "Agreement with the State ICE and Snow Removal Program for Route 287 (Q Street)",
    "Public hearing on the solid waste fee, Chapter 287 (6), and agreement 2879",
    "Contract 287-G1 with the Sheriff for vehicle maintenance",
    "Closed session under G.S. 143-318.11(a)(3), and memo 2B7 (6)",
    "Contract 287(9) with the Sheriff for the DARE program",
    "Pay $287(9) and $1,287(9) to the Police Department agreement fund",
    "Purchase 287 (9) bags of ICE melt for the sheriff program",
    "Motion 287 (a) passed; 287 (8) acres; phone 252-287 (9)",
    "Check 2879) paid to the immigration lawyer's office",
)


@pytest.mark.parametrize("text", OF_OCR)
def test_misread_words_count_in_text_that_ocr_has_read(text):
    passages = find_passages(text, by_ocr=True)
    assert [(each.subject, each.by_ocr) for each in passages][:1] == [(Subject.PROGRAM, True)]
    assert passages[0].excerpt in text  # as it was read, not as it was meant


@pytest.mark.parametrize("text", NOT_OF_OCR)
def test_numbers_that_look_like_it_do_not_count_in_text_that_ocr_has_read(text):
    assert [each.subject for each in find_passages(text, by_ocr=True)].count(Subject.PROGRAM) == 0


@pytest.mark.parametrize(("text", "counts"), [(OF_OCR[7], False), (OF_OCR[1], False), (OF_OCR[11], False)])
def test_misread_words_do_not_count_in_text_that_was_typed(text, counts):
    words = [each.matched for each in find_passages(text)]
    assert any("287" in each for each in words) is counts


def test_only_the_pages_that_ocr_has_read_are_searched_for_misread_words():
    page = "Approve 287(q) agreement, Police Department"
    item = AgendaItem(id="1", title="Agenda", address="x", pages=(page, page), by_ocr=(2,))
    assert [(each.page, each.by_ocr) for each in passages_in(item)] == [(2, True)]


@pytest.mark.parametrize("text", ["287(" * 20_000, "287(g " * 10_000, "2871 " * 20_000, "ICE l. C. E. " * 5_000])
def test_ocr_text_is_searched_in_linear_time(text):
    with cpu_budget(20):
        find_passages(text, by_ocr=True)
