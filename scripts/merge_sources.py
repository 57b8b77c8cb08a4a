"""Merge a table of agenda sites into config/sources. The result is the same no matter how often it runs.

    python scripts/merge_sources.py SITES.csv [--into config/sources] [--write] [--report REPORT.csv]

The table has the columns state, place, type, platform, address, seen and how. Each site becomes the source of one
public body: a county gets its FIPS code, and a town gets its county if it lies in only one. A body that already has a
source keeps it, unless someone read the site and no one ever read the source. Sites that were only guessed must have
the body's name in their address, and no sign of another state. Bodies that can't decide about policing are left out,
and so are addresses that no reader knows. Without --write, nothing is written. --report names every site and what
became of it.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import zipcodes

sys.path.insert(0, str(Path(__file__).parents[1]))

from bot.config import catalog
from bot.domain.agenda import Certainty, Place
from bot.domain.agendas.bodies import Body, body_of, letters
from bot.domain.geography.fold import exact_county
from bot.domain.geography.places import states_with_town, town_zips
from bot.domain.geography.states import STATES
from bot.sources.local.recognize import recognize

ORIGINS = {Certainty.READ: "Agenda Watch", Certainty.ANSWERED: "civic-scraper", Certainty.GUESSED: "Engagic"}
FIRST_LIST = ("civic-scraper", 2020)  # the origin of the sources that were here before they named one
LARGER = 3  # a guessed site without a sign of its state belongs to the town that is this many times as large as others

_OTHER_BODIES = re.compile(
    r"water|sewer|sewage|sanit|aquifer|irrigation|drainage|levee|flood|transit|transport|metropolitan planning|\bmpo\b"
    r"|\brtpo\b|rail\b|airport|\bport\b|harbor district|retire|pension|fisher|school|\bisd\b|\busd\b|college|univers"
    r"|library|(?:county|state) ?parks?\b|park ?district|parks? ?(?:and|&) ?rec|park and planning|recreation"
    r"|forest ?preserve|fire ?(?:district|protection)|hospital|\bhealth\b|health ?(?:district|department|care)|housing"
    r"|utilit|electric|cooperative|council of governments|\bcog\b|museum|chamber|tourism|visit"
    r"|development ?(?:alliance|corporation|authority)|\bedc\b|cemetery|mosquito|conservation|tribal|tribe|nation\b"
    r"|election|fairground|disabilit|(?:planning|road) commission|economic|industrial|association of gov|\bthe bus\b"
    r"|\btv\b|\bcourt\b|justice center|portal|church|theat|golf|\bzoo\b|arts\b|\bwsd\b|\bmud\b|\bcsd\b|\bsd\b|\bpud\b"
    r"|\bdwp\b|soil|appraisal|workforce|employees"
)
_BEFORE = r"(?:the)?(?:cityof|townof|villageof|boroughof|countyof|townshipof|city|town|village|county)?"
_AFTER = r"(?:city|town|village|county|gov|government|council)?"


@dataclass(frozen=True, slots=True)
class Site:
    """A row of the table."""

    state: str
    place: str
    kind: str
    platform: str
    address: str
    seen: int
    certainty: Certainty | None

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Site":
        """Read a row. A site that answered with an error has no certainty."""
        how = row["how"]
        read = Certainty.READ if how.startswith("read") else Certainty.ANSWERED if how == "answered 200" else None
        certainty = Certainty.GUESSED if how.startswith("found by trying") else read
        return cls(
            row["state"], row["place"], row["type"], row["platform"], row["address"], int(row["seen"]), certainty
        )


# ── whose site is it? ────────────────────────────────────────────────────────────────────────────────────────────────


def decides_on_policing(name: str, kind: str = "") -> bool:
    """Return False for water districts, transit agencies, libraries and other bodies without police or jails."""
    return not _OTHER_BODIES.search(f"{name} {kind}".casefold())


def why_not_believed(body: Body, address: str) -> str:
    """Return why a guessed address may belong to another body, or "" if its name and its state fit."""
    label = (urlsplit(address).hostname or "").removeprefix("www.").split(".")[0].casefold()
    front = re.match(r"([a-z]{2})-(?=.)", label)
    stated = front[1].upper() if front and front[1].upper() in STATES else ""
    bare = letters(label[3:] if stated else label)
    name = letters(re.sub(r" (?:County|Parish|Borough)$", "", body.name))
    full = {letters(STATES[code]): code for code in STATES} | {code.casefold(): code for code in STATES}
    found = re.fullmatch(
        rf"{_BEFORE}{re.escape(name)}{_AFTER}(?P<state>{'|'.join(sorted(full, key=len, reverse=True))})?{_AFTER}", bare
    )
    if found is None:
        return "the address doesn't name the body"
    named = {code for code in (stated, full.get(found["state"] or "", "")) if code}
    if named - {body.state}:
        return "the address names another state"
    if named or _is_the_largest(body):
        return ""
    return "a town of that name in another state is as likely"


def _is_the_largest(body: Body) -> bool:
    name = re.sub(r" (?:County|Parish|Borough)$", "", body.name)
    others = [state for state in states_with_town(name) if state != body.state]
    if body.is_county:
        return not any(exact_county(state, name) for state in STATES if state != body.state)
    return all(town_zips(body.state, name) >= LARGER * town_zips(state, name) for state in others)


# ── merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def merged(known: Iterable[Place], sites: Sequence[Site]) -> tuple[dict[str, Place], list[tuple[Site, str]]]:
    """Return the sources by name, and each site with what became of it."""
    sources: dict[str, Place] = {}
    bodies: set[tuple[str, bool, str]] = set()
    for place in sorted(known, key=lambda place: (place.kind == "civicplus", len(place.name), place.name)):
        if _key(place) not in bodies and (decides_on_policing(_bare(place)) or _body(place)):
            bodies.add(_key(place))
            sources[place.name] = _completed(place)
    claims = Counter(_host(site.address) for site in sites if _is_believed(site))
    fates: list[tuple[Site, str]] = []
    for site in sorted(sites, key=lambda s: (_rank(s), s.state, s.place.casefold(), s.address)):
        body = _body_of(site)
        fate = "seen again" if _seen_again(sources, site) else _why_left_out(site, body, claims)
        if not fate and body is not None:
            fate = _taken(sources, site, body)
        fates.append((site, fate))
    return sources, fates


def _is_believed(site: Site) -> bool:
    body = _body_of(site) if site.certainty is Certainty.GUESSED else None
    return body is not None and not why_not_believed(body, site.address)


def _seen_again(sources: dict[str, Place], site: Site) -> bool:
    """Return True for a site whose address is a source's already. Note on the source that it was seen."""
    same = next((p for p in sources.values() if _host(p.address) == _host(site.address) != _SHARED), None)
    if same is None or site.certainty is not Certainty.ANSWERED:
        return False
    if (same.seen or 0) < site.seen:
        sources[same.name] = replace(same, origin=ORIGINS[site.certainty], seen=site.seen, sure=site.certainty)
    return True


def _rank(site: Site) -> int:
    return list(Certainty).index(site.certainty) if site.certainty is not None else len(Certainty)


def _why_left_out(site: Site, body: Body | None, claims: Mapping[str, int]) -> str:
    if site.certainty is None:
        return "it answered with an error"
    if not decides_on_policing("", site.kind) or (body is None and not decides_on_policing(site.place)):
        return "it can't decide about policing"
    if body is None:
        return "no county or town of that name"
    return _why_address_unfit(site, body, claims)


def _why_address_unfit(site: Site, body: Body, claims: Mapping[str, int]) -> str:
    found = recognize(site.address)
    if found is None or found.kind == "page":
        return "no reader knows the address"
    if found.state and found.state != site.state:
        return "the address names another state"
    if site.certainty is Certainty.GUESSED:
        return (
            "two bodies claim the address" if claims[_host(site.address)] > 1 else why_not_believed(body, site.address)
        )
    return ""


def _taken(sources: dict[str, Place], site: Site, body: Body) -> str:
    """Add the site to the sources, or record what it says about the source that its body already has."""
    found, certainty = recognize(site.address), site.certainty
    assert found is not None
    assert certainty is not None
    about = {"origin": ORIGINS[certainty], "seen": site.seen, "sure": certainty}
    twin = next((place for place in sources.values() if _key(place) == body.key), None)
    same = next((place for place in sources.values() if _host(place.address) == _host(found.address) != _SHARED), twin)
    if same is not None and (same.kind == found.kind or not _is_better(certainty, same)):
        if same.kind == found.kind and (same.seen or 0) < site.seen and certainty is not Certainty.GUESSED:
            sources[same.name] = replace(same, **about)
            return "seen again"
        return "its body has a source"
    if same is None and any(place.address == found.address for place in sources.values()):
        return "the address is another body's"
    name = same.name if same is not None else f"{body.name}, {body.state}"
    zone = (
        same.zone
        if same is not None
        else _zones().get(body.county.fips if body.county else "", catalog.USUAL_ZONE[body.state])
    )
    sources[name] = Place(
        name=name,
        kind=found.kind,
        address=found.address,
        state=body.state,
        county=body.county_name,
        fips=body.fips,
        zone=zone,
        **about,
    )
    return "replaces the source" if same is not None else "added"


@cache
def _zones() -> Mapping[str, str]:
    """Return the time zone of each county by its FIPS code: that of most of its ZIP codes."""
    found: dict[str, Counter[str]] = {}
    for row in zipcodes.list_all():
        county = exact_county(row["state"], row["county"]) if row["county"] and row["state"] in STATES else None
        if county is not None and row["timezone"]:
            found.setdefault(county.fips, Counter())[row["timezone"]] += 1
    return {fips: max(sorted(zones), key=lambda zone: zones[zone]) for fips, zones in found.items()}


_SHARED = "webapi.legistar.com"


def _is_better(certainty: Certainty, known: Place) -> bool:
    return certainty is Certainty.READ and known.sure is not Certainty.READ and known.verified is None


def _completed(place: Place) -> Place:
    """Add the county and the FIPS code of the body, and where a source of the first list came from."""
    body = _body(place)
    if body is not None and body.county is not None:
        place = replace(place, county=place.county or body.county_name, fips=place.fips or body.fips)
    if place.origin or place.kind != "civicplus":
        return place
    return replace(place, origin=FIRST_LIST[0], seen=FIRST_LIST[1], sure=Certainty.ANSWERED)


def _bare(place: Place) -> str:
    return place.name.removesuffix(f", {place.state}")


def _body(place: Place) -> Body | None:
    return body_of(place.state, _bare(place))


def _body_of(site: Site) -> Body | None:
    return body_of(site.state, site.place, is_county=site.kind in {"county", "parish", "borough", "judicial county"})


def _key(place: Place) -> tuple[str, bool, str]:
    body = _body(place)
    return body.key if body is not None else (place.state, False, letters(_bare(place)))


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").removeprefix("www.")


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """Merge the table and print what became of its sites."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sites", type=Path)
    parser.add_argument("--into", type=Path, default=Path("config/sources"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    with asked.sites.open(encoding="utf-8", newline="") as file:
        sites = [Site.of(row) for row in csv.DictReader(file)]
    before = catalog.places(asked.into)
    sources, fates = merged(before.values(), sites)
    for fate, number in Counter(fate for _, fate in fates).most_common():
        sys.stdout.write(f"{number:6,}  {fate}\n")
    left_out = sum(name not in sources for name in before)
    sys.stdout.write(f"{len(before):,} sources before, {len(sources):,} after; {left_out:,} left out\n")
    if asked.report:
        with asked.report.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows((s.state, s.place, s.platform, s.address, fate) for s, fate in fates)
    if asked.write:
        catalog.write(sources.values(), asked.into)


if __name__ == "__main__":
    main()
