"""The text of the picture of a few states: its headline, its captions and its alt text."""

from collections.abc import Iterator

from bot.domain.geography.counties import main_counties
from bot.domain.geography.shapes import has_map
from bot.domain.language import Language
from bot.domain.messages.picture import LONGEST_ALT, changes_between, span_in_words, sums_of
from bot.domain.messages.place_figures import Numbers, PlaceFigures, WatchedFigures
from bot.domain.pictures.county_map import counties_in_words, county_name
from bot.domain.pictures.course import course_in_words
from bot.domain.text.catalog import say, say_count
from bot.domain.text.formats import formats
from bot.domain.text.wording import state_name

MOST_NAMED = 12  # counties in a sentence of the alt text


class PlaceWording:
    """The text of one picture in one language."""

    def __init__(self, shown: WatchedFigures, language: Language) -> None:
        self._shown = shown
        self._language = language
        self._formats = formats(language)

    def headline(self) -> str:
        """Return the headline, which gives the number of agreements and where."""
        names = [self.name(place) for place in self._shown.places]
        if len(names) == 1:
            return self.total(self._shown.places[0])
        return say_count(
            self._language,
            "{n} agreement on ICE's list in {states}",
            "{n} agreements on ICE's list in {states}",
            self._shown.agreements,
            states=self._formats.join(names),
        )

    def name(self, place: PlaceFigures) -> str:
        """Return the state's name."""
        return state_name(place.state, self._language)

    def total(self, place: PlaceFigures) -> str:
        """Return a state's name and number of agreements."""
        return say_count(
            self._language,
            "{state}: {n} agreement on ICE's list",
            "{state}: {n} agreements on ICE's list",
            place.agreements,
            state=self.name(place),
        )

    def short_total(self, place: PlaceFigures) -> str:
        """Return a state's name and number of agreements, without more words."""
        return f"{self.name(place)}: {self._formats.number(place.agreements)}"

    def agencies(self) -> str:
        """Return the number of agencies and the date, as text."""
        return say_count(
            self._language,
            "At {n} agency as of {day}",
            "At {n} agencies as of {day}",
            sum(place.agencies for place in self._shown.places),
            day=self._formats.short_day(self._shown.until, year=True),
        )

    def changes(self) -> str:
        """Return the heading for the changes. It is empty if the list was first read on the last day."""
        shown = self._shown
        moved = any(any(place.moves) for place in shown.places)
        if shown.read_since == shown.until and not moved:
            return ""
        return changes_between(shown.since, shown.until, self._language, any_=moved)

    def sums(self, *places: PlaceFigures) -> list[tuple[str, str]]:
        """Return the gains and losses of these states, each as a number with its sign and a word."""
        found = sums_of([place.moves for place in places or self._shown.places], self._language)
        return [(sign + number, word) for sign, number, word in found]

    def legend(self) -> str:
        """Return the heading of the map's color legend."""
        return say(self._language, "Agreements in a county now")

    def counties(self, place: PlaceFigures) -> str:
        """Return how many counties have agreements. If the state has no map, say which."""
        most = 0 if has_map(place.state) else MOST_NAMED
        return counties_in_words(place.state, dict(place.by_county), self._language, most)

    def begun(self, place: PlaceFigures) -> str:
        """Return the first total of a small chart."""
        day, first = place.series[0]
        return say(
            self._language, "From {first} on {since}", first=first, since=self._formats.short_day(day, year=True)
        )

    def few_words_on_counties(self, place: PlaceFigures) -> str:
        """Return the number of counties with agreements. It is empty for a territory without several."""
        real = len(main_counties(place.state))
        return say(self._language, "In {n} of {all} counties", n=len(place.by_county), all=real) if real > 1 else ""

    def few_words_on_the_rest(self, place: PlaceFigures) -> str:
        """Return the number of agreements in no county. The alt text says why."""
        number = place.statewide + place.unplaced
        return say(self._language, "Not on the map: {n}", n=number) if number else ""

    def not_on_map(self, place: PlaceFigures) -> str:
        """Return how many agreements are in no county, as text. It is empty if there are none."""
        missing = []
        if place.statewide:
            missing.append(say_count(self._language, "{n} of a state agency", "{n} of state agencies", place.statewide))
        if place.unplaced:
            missing.append(
                say_count(
                    self._language,
                    "{n} without a known county",
                    "{n} without a known county",
                    place.unplaced,
                )
            )
        if not missing:
            return ""
        agreements = self._formats.join(missing)
        if not has_map(place.state):
            return say(self._language, "In no county: {agreements}.", agreements=agreements)
        return say(self._language, "Not on the map: {agreements}.", agreements=agreements)

    def course(self, place: PlaceFigures, *, long: bool = False) -> str:
        """Return a state's first and last total as text, or the day of the first reading if there is no course."""
        if self._shown.has_course:
            return course_in_words(place.series, self._shown.until, self._language, long=long)
        return self.read_since(long=long)

    def read_since(self, *, long: bool = False) -> str:
        """Return the day when ICE's list was first read."""
        since = self._shown.read_since
        day = self._formats.day(since) if long else self._formats.short_day(since, year=True)
        if since == self._shown.until:
            return say(self._language, "First read on {day}", day=day)
        return say(self._language, "We've been reading ICE's list since {day}", day=day)

    def part(self) -> str:
        """Return a note if only some of the agreements in these states are counted."""
        return say(self._language, "The figures cover only what this chat watches.") if self._shown.is_part else ""

    def source(self) -> str:
        """Return the source line."""
        return say(self._language, "Source: ICE's list. If it gives no county, we looked the county up.")

    def caption(self) -> str:
        """Return the picture's caption, which gives the total and the changes."""
        sums = ", ".join(f"{number} {word}" for number, word in self.sums())
        if not sums:
            return ". ".join(part for part in (self.headline(), self.changes()) if part)
        week = span_in_words(self._shown.since, self._shown.until, self._language)
        return f"{self.headline()}; {sums.replace('+', '').replace('−', '')}, {week}"

    def alt(self) -> str:
        """Return the alt text, naming as many counties as fit in 1,000 characters."""
        texts = (" ".join(self._alt(most)) for most in range(MOST_NAMED, -1, -1))
        return next((text for text in texts if len(text) <= LONGEST_ALT), self.headline()[:LONGEST_ALT])

    def _alt(self, most: int) -> Iterator[str]:
        yield f"{self.headline()}."
        yield f"{self.agencies()}."
        if heading := self.changes():
            yield f"{heading}."
        for place in self._shown.places:
            several = len(self._shown.places) > 1
            if several:
                yield f"{self.short_total(place)}."
            if moved := self._moves(place, most):
                yield f"{moved}."
            yield counties_in_words(place.state, dict(place.by_county), self._language, min(most, 5))
            yield from filter(None, [self.not_on_map(place)])
            if self._shown.has_course:
                yield f"{self.course(place, long=True)}."
        if not self._shown.has_course:
            yield f"{self.read_since(long=True)}."
        yield from filter(None, [self.part()])

    def _moves(self, place: PlaceFigures, most: int) -> str:
        by_sign = {"+": place.gained, "−": place.lost}
        found = []
        for number, word in self.sums(place):
            named = self._counties(by_sign[number[0]], most)
            moved = f"{number[1:]} {word}"
            found.append(say(self._language, "{moved}, in {states}", moved=moved, states=named) if named else moved)
        return "; ".join(found)

    def _counties(self, numbers: Numbers, most: int) -> str:
        order = sorted(numbers, key=lambda entry: (-entry[1], county_name(entry[0])))
        named = [
            f"{county_name(fips)} ({self._formats.number(n)})" if n > 1 else county_name(fips) for fips, n in order
        ]
        left = len(named) - most
        if not most or not named:
            return ""
        if left > 0:
            named[most:] = [say_count(self._language, "{n} more county", "{n} more counties", left)]
        return self._formats.join(named)
