from bot.sources.local.crawler import LinkedDocument
from bot.sources.local.relevance import worth_opening


def test_documents_are_opened_by_the_relevance_of_their_titles():
    def document(title: str) -> LinkedDocument:
        return LinkedDocument(id=title, title=title, address="https://nash.example/")

    titles = ["Site plan", "Interlocal agreement", "Sheriff's budget", "287(g) memorandum", "Ice rink", "MOU with ICE"]
    assert [found.title for found in worth_opening(map(document, titles))] == [
        "287(g) memorandum",
        "MOU with ICE",
        "Interlocal agreement",
        "Sheriff's budget",
    ]
