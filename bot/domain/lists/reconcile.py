"""Compare a listing with the known agreements and determine the changes.

Before an agreement is reported as withdrawn, the rows that left the list are paired with the rows that joined it in the
same publication. Most agencies that seem to leave only have a new spelling. `matching` contains the rules for pairing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from bot.domain.agreement import Agreement, Key, Listing, ListName
from bot.domain.change import FIRST_SIGHT, Change, Kind, Known
from bot.domain.geography.fold import county_key, find_county
from bot.domain.geography.states import STATES
from bot.domain.lists.matching import Pair, Paired, best_pairs, is_second_row, only_pairs
from bot.domain.lists.names import Likeness, is_error, signed_date
from bot.domain.lists.signing_dates import borne_out_by, is_doubtful, kept_window
from bot.domain.lists.unread import unread_twins

Group = tuple[str, str]  # state and support type
Groups = Mapping[Group, Sequence[Agreement]]

MOST_UNREAD = 10  # rows whose unreadable cells are taken for what was known
DROPPED_AFTER = timedelta(days=7)
_READABLE = {"county": "COUNTY", "agency_type": "TYPE", "signed": "SIGNED"}
_OPTIONAL = {"county": "COUNTY", "agency_type": "TYPE", "addendum": "ADDENDUM", "moa": "MOA", "signed": "SIGNED"}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The changes in a listing, and the known agreements and row numbers after these changes."""

    changes: tuple[Change, ...]
    known: Known


def reconcile(known: Known, listing: Listing) -> Reconciled:
    """Compare a listing with the known agreements.

    The order of the changes doesn't depend on the order of the rows.
    """
    comparison = _Comparison(known, listing)
    changes = comparison.changes()
    return Reconciled(changes, comparison.settled(changes))


def dropped(known: Known, at: datetime) -> tuple[Change, ...]:
    """Return a change for each pending agreement that has been missing from both lists for at least seven days."""
    publication = known.seen.get(ListName.PENDING)
    if publication is None:
        return ()
    gone = sorted(key for key, since in known.absent.items() if at - since >= DROPPED_AFTER and key in known.pending)
    return tuple(
        Change(
            kind=Kind.DROPPED,
            list=ListName.PENDING,
            agreement=known.pending[key],
            publication=publication,
            row=None,
            because="seven days on neither list",
        )
        for key in gone
    )


class _Comparison:
    """A comparison of one listing with the known agreements on the same list."""

    def __init__(self, known: Known, listing: Listing) -> None:
        self._known, self._listing = known, listing
        self._before = known.agreements[listing.list]
        self._former = known.former if listing.list is ListName.PARTICIPATING else {}
        numbered = _readable(self._before, listing)
        self._rows = _distinguished(self._before, self._former, [row for _, row in numbered])
        seen, self._day = known.seen.get(listing.list), listing.publication.observed_at.date()
        self._window = borne_out_by(seen.observed_at.date() if seen else None, self._day)
        self._paired: dict[Key, Agreement] = {}
        chosen = _one_for_each(self._rows, self._before, self._with_window)
        numbers = zip(self._rows, (number for number, _ in numbered), strict=True)
        self._numbers = {row.key: number for row, number in numbers if chosen[row.key] is row}
        self._now = self._with_absent_columns(chosen)

    def changes(self) -> tuple[Change, ...]:
        if self._listing.list not in self._known.seen:
            rows = [self._with_window(row) for _, row in sorted(self._now.items())]
            return tuple(self._change(Kind.LISTED, row, because=FIRST_SIGHT) for row in rows)
        left = [self._before[key] for key in sorted(self._before.keys() - self._now.keys() - self._unread)]
        joined = [self._now[key] for key in sorted(self._now.keys() - self._before.keys())]
        joined = [row for row in joined if not self._is_signed(row)]
        pairs = best_pairs(left, joined)
        paired = {id(row) for pair in pairs for row in (pair.left, pair.joined)}
        self._paired = {pair.joined.key: pair.left for pair in pairs}
        changes = [c for key in sorted(self._restated()) for c in self._stayed(key)]
        changes += [
            c for pair in pairs for c in self._steps(pair.left, self._filled(pair.left, pair.joined), pair.because)
        ]
        changes += [c for a in left if id(a) not in paired for c in self._gone(a)]
        for pair in pairs:
            self._on_list.setdefault(_group(pair.joined), []).append(self._with_window(pair.joined))
        changes += self._new([a for a in joined if id(a) not in paired])
        return tuple(changes)

    def settled(self, changes: Sequence[Change]) -> Known:
        """Return the known agreements after these changes, with row numbers from this listing."""
        after = self._known.after(changes)
        name, publication = self._listing.list, self._listing.publication
        absent = after.absent
        if name is ListName.PENDING:
            at, here = publication.observed_at, self._now.keys() | self._unread
            absent = {key: self._known.absent.get(key, at) for key in after.pending if key not in here}
        return replace(
            after,
            rows={**after.rows, name: {key: n for key, n in self._numbers.items() if key in after.agreements[name]}},
            seen={**after.seen, name: publication},
            absent=absent,
        )

    def _with_window(self, row: Agreement) -> Agreement:
        """Add the plausible signing dates to a row.

        They come from the known agreement or, for a new row, from this list.
        """
        known = self._before.get(row.key) or self._paired.get(row.key)
        return replace(row, window=kept_window(known, row, self._day) if known else self._window)

    @cached_property
    def _unread(self) -> frozenset[Key]:
        """The known agreements that are probably still on the list, in rows that can't be read."""
        return unread_twins([a for key, a in self._before.items() if key not in self._now], self._listing.unread)

    def _with_absent_columns(self, now: dict[Key, Agreement]) -> dict[Key, Agreement]:
        unread = {key: columns for key, row in now.items() if key in self._before and (columns := _unread_columns(row))}
        if len(unread) > MOST_UNREAD:  # then something is wrong with the whole column, and vetting shall see it
            unread = {}
        if not self._absent_columns and not unread:
            return now
        keys = (key for key in now if key in self._before) if self._absent_columns else unread
        return now | {key: self._filled(self._before[key], now[key], unread.get(key, ())) for key in keys}

    def _filled(self, before: Agreement, row: Agreement, unread: Sequence[str] = ()) -> Agreement:
        """Copy the known values of columns missing from this listing and of cells that can't be read."""
        values = ((name, getattr(before, name)) for name in (*self._absent_columns, *unread))
        known = {name: value for name, value in values if value != getattr(row, name)}
        return replace(row, **known) if known else row

    @cached_property
    def _absent_columns(self) -> Sequence[str]:
        return [name for name, column in _OPTIONAL.items() if column not in self._listing.columns]

    def _is_signed(self, row: Agreement) -> bool:
        """Return whether a row on the pending list is already on the participating list."""
        if self._listing.list is ListName.PARTICIPATING:
            return False
        return _same_agency(self._known.participating, self._participating_groups, row) is not None

    @cached_property
    def _participating_groups(self) -> Groups:
        return _groups(self._known.participating.values())

    @cached_property
    def _pending_groups(self) -> Groups:
        return _groups(self._known.pending.values())

    def _restated(self) -> Iterable[Key]:
        """Yield the keys of agreements that are still on the list but have different facts."""
        now = self._now
        for key, before in self._before.items():
            row = now.get(key)
            if row is not None and row.facts is not before.facts and row.facts != before.facts:
                yield key

    def _stayed(self, key: Key) -> Iterable[Change]:
        return self._steps(self._before[key], self._now[key], "the same agreement")

    def _steps(self, before: Agreement, now: Agreement, because: str) -> Iterable[Change]:
        """Yield the changes between two rows: first a new name, then corrections, then amendments."""
        row, row_before = self._numbers[now.key], self._row_before(before)
        now = self._with_window(now)
        for kind, step in _stations(before, now):
            if step.facts != before.facts:
                change = self._change(kind, step, was=before, because=because)
                yield replace(change, row=row, row_before=row_before)
                before = step

    def _gone(self, left: Agreement) -> Iterable[Change]:
        """Yield the change for an agreement whose row left the list without a match.

        If a duplicate row is still on the list, this is a change of name. Otherwise, an agreement on the participating
        list was withdrawn.
        """
        twin = self._second_row(left)
        if twin is not None:
            yield self._change(Kind.RENAMED, self._with_window(twin), was=left, because="a second row of it stays")
        elif self._listing.list is ListName.PARTICIPATING:
            before = self._known.seen[self._listing.list]
            yield replace(
                self._change(Kind.WITHDRAWN, left, because="on the list before, not on this one"),
                row=None,
                before=before,
                row_before=self._row_before(left),
            )

    def _second_row(self, left: Agreement) -> Agreement | None:
        """Return the agreement still on the list if the missing row was only a duplicate, or None if it wasn't."""
        twin = _first(self._row_groups, left, is_second_row)
        return None if twin is None else self._now[twin.key]

    @cached_property
    def _row_groups(self) -> Groups:
        """All rows on the list, including duplicates, by state and support type."""
        return _groups(self._rows)

    @cached_property
    def _on_list(self) -> dict[Group, list[Agreement]]:
        """The known agreements that are still on the list, by state and support type."""
        return _groups(a for key, a in self._before.items() if key in self._now)

    def _new(self, joined: Sequence[Agreement]) -> Iterable[Change]:
        twins = {row.key: _first(self._on_list, row, is_second_row) for row in joined}
        back = self._back(joined)
        for row in joined:
            twin = twins[row.key]
            if twin is not None:
                second = replace(row, window=kept_window(twin, row, self._day))
                yield self._change(Kind.LISTED, second, because=f"a second row of {twin.agency}")
            elif self._listing.list is ListName.PENDING:
                yield self._change(Kind.APPLIED, row, because="new on the pending list")
            elif row.key in back:
                yield self._reinstated(row, back[row.key])
            else:
                yield self._signed(row)

    def _back(self, joined: Sequence[Agreement]) -> Mapping[Key, Paired]:
        """Pair each returning row with its former agreement.

        A different spelling is accepted only if neither row matches anything else and the shared words are in the same
        order. Coincidences are more likely over months than between two consecutive lists.
        """
        once = [(self._former.get(row.key), row) for row in joined]
        same = {row.key: Paired(a, row, "") for a, row in once if a is not None and not _are_namesakes((a, row))}
        left = [self._former[key] for key in sorted(self._former.keys() - same.keys())]
        respelt = only_pairs(left, [row for row in joined if row.key not in same])
        pairs = ((pair, Pair(pair.left, pair.joined)) for pair in respelt)
        return same | {
            pair.joined.key: pair for pair, rows in pairs if rows.same_order and (rows.here or rows.same_day)
        }

    def _reinstated(self, joined: Agreement, pair: Paired) -> Change:
        row = replace(joined, window=kept_window(pair.left, joined, self._day))
        change = self._change(Kind.REINSTATED, row, because="on the list before")
        if not pair.because:
            return change
        return replace(change, was=pair.left, because=f"on the list before: {pair.because}")

    def _signed(self, joined: Agreement) -> Change:
        pending = _same_agency(self._known.pending, self._pending_groups, joined)
        change = self._change(Kind.SIGNED, self._with_window(joined), because="new on the list")
        if pending is None:
            return change
        since = self._known.pending_since.get(pending.key)
        return replace(change, pending=pending, pending_since=since.date() if since else None)

    def _change(self, kind: Kind, agreement: Agreement, *, because: str, was: Agreement | None = None) -> Change:
        return Change(
            kind=kind,
            list=self._listing.list,
            agreement=agreement,
            publication=self._listing.publication,
            row=self._numbers.get(agreement.key),
            was=was,
            before=self._known.seen.get(self._listing.list) if was else None,
            row_before=self._row_before(was) if was else None,
            because=because,
        )

    def _row_before(self, agreement: Agreement) -> int | None:
        return self._known.rows[self._listing.list].get(agreement.key)


def _stations(before: Agreement, now: Agreement) -> Iterable[tuple[Kind, Agreement]]:
    named = replace(before, agency=now.agency, canonical=now.canonical, place=now.place)
    yield Kind.RENAMED, replace(named, printed=now.printed)
    dated = replace(now, signed=before.signed, window=before.window)
    yield Kind.CORRECTED, replace(dated, moa=before.moa, addendum=before.addendum)
    yield Kind.AMENDED, now


def _unread_columns(row: Agreement) -> Sequence[str]:
    """Return the names of the values that ICE printed, but that can't be read: an error of Excel's, or no date."""
    printed = {name: row.printed.get(column, "").strip() for name, column in _READABLE.items()} if row.printed else {}
    return [name for name, text in printed.items() if text and not getattr(row, name) and _is_unreadable(name, text)]


def _is_unreadable(name: str, text: str) -> bool:
    return signed_date(text) is None if name == "signed" else is_error(text)


def _group(agreement: Agreement) -> Group:
    return agreement.state, agreement.key.support_type


def _groups(agreements: Iterable[Agreement]) -> dict[Group, list[Agreement]]:
    groups: dict[Group, list[Agreement]] = {}
    for agreement in agreements:  # inline `_group`, for speed on whole lists
        groups.setdefault((agreement.state, agreement.key.support_type), []).append(agreement)
    return groups


def _first(groups: Groups, row: Agreement, matches: Callable[[Pair], bool]) -> Agreement | None:
    """Return the first agreement, by key, that has the row's state and support type and matches the row."""
    near = [other for other in groups.get(_group(row), ()) if matches(Pair(other, row))]
    return min(near, key=lambda other: other.key, default=None)


def _same_agency(others: Mapping[Key, Agreement], groups: Groups, row: Agreement) -> Agreement | None:
    """Return the agreement on the other list that matches this row, even if its name is spelled differently."""
    same = others.get(row.key)
    if same is not None and not _are_namesakes((same, row)):
        return same
    return _first(groups, row, _is_spelling)


def _is_spelling(pair: Pair) -> bool:
    """Return whether rows on the two lists name the same agency. The pending list has no dates to compare."""
    if pair.two_counties:
        return False
    return pair.names > Likeness.TYPO or (pair.names == Likeness.TYPO and pair.same_county)


def _readable(before: Mapping[Key, Agreement], listing: Listing) -> Sequence[tuple[int, Agreement]]:
    """Return the readable rows and their numbers, filling in unreadable states and support types where possible."""
    typed = _with_types(before, listing)
    lacking = [(number, row) for number, row in listing.untyped if row.state not in STATES]
    rows = (*listing.agreements, *(row for _, row in typed), *(row for _, row in lacking))
    numbers = (*listing.row_numbers, *(number for number, _ in (*typed, *lacking)))
    stated = list(zip(numbers, _with_states(before, rows), strict=True))
    read = len(rows) - len(lacking)
    return stated[:read] + [(number, row) for number, row in stated[read:] if row.state in STATES]


def _with_types(before: Mapping[Key, Agreement], listing: Listing) -> Sequence[tuple[int, Agreement]]:
    """Fill in missing support types from known agreements that match. Leave out rows without a match."""
    if not listing.untyped:
        return ()
    on_list = {row.key for row in listing.agreements}
    missing = [before[key] for key in sorted(before.keys() - on_list)]
    typed = []
    for number, row in listing.untyped:
        pairs = [Pair(known, row) for known in missing if (known.state, known.canonical) == (row.state, row.canonical)]
        same = sorted((p for p in pairs if p.same_moa or p.same_day), key=lambda p: (not p.same_moa, not p.same_day))
        if same:
            known = same[0].left
            missing.remove(known)
            printed = {**row.printed, "SUPPORT TYPE": known.printed.get("SUPPORT TYPE", "")}
            typed.append((number, replace(row, support_type=known.support_type, printed=printed)))
    return typed


def _with_states(before: Mapping[Key, Agreement], rows: Sequence[Agreement]) -> Sequence[Agreement]:
    """Fill in unreadable states from known agreements that match."""
    if all(row.state in STATES for row in rows):
        return rows
    on_list = {row.key for row in rows}
    missing: dict[tuple[str, str], list[Agreement]] = {}
    for key, known in before.items():
        if key not in on_list:
            missing.setdefault((known.canonical, key.support_type), []).append(known)
    return [row if row.state in STATES else _with_state(missing, row) for row in rows]


def _with_state(missing: Mapping[tuple[str, str], Sequence[Agreement]], row: Agreement) -> Agreement:
    named = (Pair(known, row) for known in missing.get((row.canonical, row.key.support_type), ()))
    states = {pair.left.state for pair in named if (pair.same_day or pair.same_moa) and not pair.two_counties}
    return replace(row, state=states.pop()) if len(states) == 1 else row


def _by_key(rows: Iterable[Agreement]) -> dict[Key, list[Agreement]]:
    by_key: dict[Key, list[Agreement]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return by_key


def _one_for_each(
    rows: Sequence[Agreement], before: Mapping[Key, Agreement], with_window: Callable[[Agreement], Agreement]
) -> dict[Key, Agreement]:
    """Choose one row for each agreement key. `with_window` adds the plausible signing dates."""
    chosen = {row.key: row for row in rows}
    if len(chosen) < len(rows):
        several = {key: group for key, group in _by_key(rows).items() if len(group) > 1}
        doubtful = {id(row) for group in several.values() for row in group if is_doubtful(with_window(row))}
        chosen |= {key: _fullest(group, before.get(key), doubtful) for key, group in several.items()}
    return chosen


def _distinguished(
    before: Mapping[Key, Agreement], former: Mapping[Key, Agreement], rows: Sequence[Agreement]
) -> Sequence[Agreement]:
    """Add the county to each row if agencies in different counties of the same state share a name.

    The agency that was known first keeps its name without a county.
    """
    namesakes: dict[Key, list[Agreement]] = {}
    for known in before.values():
        if known.place:
            namesakes.setdefault(replace(known, place="").key, []).append(known)
    apart: dict[Key, list[Agreement]] = {}
    for key, group in _by_key(rows).items():
        plain = before.get(key) or former.get(key)
        if key not in namesakes and len(group) == 1 and (plain is None or plain.county == group[0].county):
            continue  # nearly every row: there is no sign of two agencies
        named = [*namesakes.get(key, ()), *([plain] if plain else ())]
        if key in namesakes or _are_namesakes(group) or all(_is_another(row, named) for row in group):
            apart[key] = named
    return [_with_county(row, apart[row.key]) if row.key in apart else row for row in rows] if apart else rows


def _are_namesakes(rows: Sequence[Agreement]) -> bool:
    """Return whether rows with the same key belong to agencies in different real counties."""
    moas = {row.moa for row in rows}
    if len(moas) == 1 and None not in moas:
        return False
    return len({find_county(row.state, row.county) for row in rows} - {None}) > 1


def _is_another(row: Agreement, named: Sequence[Agreement]) -> bool:
    """Return whether a row is a new agency with a known name.

    Its county and signing date must differ from those of every known agency with that name. It must not share an MOA
    with any of these agencies.
    """
    return bool(named) and all(
        None not in (known.signed, row.signed) and known.signed != row.signed and _are_namesakes((known, row))
        for known in named
    )


def _with_county(row: Agreement, named: Sequence[Agreement]) -> Agreement:
    """Add the county to a row.

    If the row has no real county, use the place of the known agreement with the same date and MOA.
    """
    county = county_key(row.state, row.county)
    here = [known for known in named if county and county_key(known.state, known.county) == county]
    if here or find_county(row.state, row.county):
        return replace(row, place=here[0].place if here else county)
    same = [known for known in named if (known.signed, known.moa) == (row.signed, row.moa)]
    return replace(row, place=same[0].place) if len(same) == 1 else row


def _fullest(rows: Sequence[Agreement], known: Agreement | None, doubtful: Collection[int]) -> Agreement:
    """Return the most complete row. If a row has the same facts as the known agreement, return that row instead.

    Among equally complete rows, prefer those without a doubtful date, then the oldest. `doubtful` contains the ids of
    the rows with a doubtful date.
    """
    fullest_first = sorted(rows, key=lambda row: _order(row, id(row) in doubtful))
    same = (row for row in fullest_first if known is not None and row.facts == known.facts)
    return next(same, fullest_first[0])


def _order(row: Agreement, is_in_doubt: bool) -> tuple[object, ...]:
    """Return a sort key that puts the most complete row first."""
    day = row.signed or date.max
    return row.moa is None, row.county == "", is_in_doubt, day, repr(row.facts), sorted(row.printed.items())
