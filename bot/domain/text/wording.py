"""Every sentence that a reader sees, in English and Spanish.

Readers are told "no longer on ICE's list", never "terminated": a row's absence is not proof of an ending.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RESCHEDULED, Mention
from bot.domain.agreement import Agreement, ListName, SupportType
from bot.domain.change import Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.lists.names import SUPPORT_TYPES
from bot.domain.lists.totals import JANUARY_2025, Totals
from bot.domain.text.rich_text import Line, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    """The sentences of messages in one language; `{}` is where the value goes."""

    happened: Mapping[Kind, str]
    counted: Mapping[Kind, tuple[str, str]]
    columns: Mapping[str, str]
    support_types: Mapping[SupportType, str]
    months: Sequence[str]
    date: str
    signed: str
    signed_unknown: str
    pending_since: str
    days: tuple[str, str]
    last_on: str
    moa_missing: str
    addendum: str
    was: str
    posted: str
    replaced: str
    unlinked: str
    now_was: str
    moved: str
    not_given: str
    other_type: str
    unknown_state: str
    no_proof: str
    lists: Mapping[ListName, str]
    fetched: str
    page: str
    nothing: str
    nothing_read: tuple[str, str]
    last_read: str
    older: tuple[str, str]
    totals: str
    more: str
    fewer: str
    as_before: str
    since: str
    held: str
    correction: str
    was_wrong: str
    mention_was_wrong: str
    again_on_agenda: str
    statuses: Mapping[str, str]
    was_to_be: str
    no_day: str
    back_on: str
    moved_from: str
    first_seen: str
    agenda_was: str
    quoted: str
    on_page: str
    matched: str
    listed_there: str
    none_listed: str
    since_day: str
    county: str
    parish: str
    agenda_read: str
    no_agreement_yet: str
    spoken_of: Mapping[bool, str]
    spoken_of_once: str
    called_off: str


_ENGLISH = _Phrases(
    happened={
        Kind.SIGNED: "new on ICE's list",
        Kind.WITHDRAWN: "no longer on ICE's list",
        Kind.REINSTATED: "back on ICE's list",
        Kind.APPLIED: "applied, pending with ICE",
        Kind.MENTIONED: "on a local agenda",
        Kind.DROPPED: "no longer on ICE's pending list",
        Kind.CORRECTED: "put right on ICE's list",
        Kind.RENAMED: "renamed on ICE's list",
        Kind.AMENDED: "amended",
        Kind.RETRACTED: "told wrongly",
    },
    counted={
        Kind.SIGNED: ("new agreement", "new agreements"),
        Kind.WITHDRAWN: ("no longer listed", "no longer listed"),
        Kind.REINSTATED: ("back on the list", "back on the list"),
        Kind.APPLIED: ("application", "applications"),
        Kind.MENTIONED: ("local agenda item", "local agenda items"),
        Kind.DROPPED: ("application gone", "applications gone"),
        Kind.CORRECTED: ("correction", "corrections"),
        Kind.RENAMED: ("agency renamed", "agencies renamed"),
        Kind.AMENDED: ("amendment", "amendments"),
        Kind.RETRACTED: ("correction of ours", "corrections of ours"),
    },
    columns={
        "county": "county",
        "agency_type": "type",
        "support_type": "support type",
        "signed": "signing date",
        "moa": "MOA",
        "addendum": "addendum",
    },
    support_types=SUPPORT_TYPES,
    months=(
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    date="{month} {day}, {year}",
    signed=", signed {}",
    signed_unknown=", signing date not readable",
    pending_since=", pending since {} ({})",
    days=("1 day", "{} days"),
    last_on=", last on ",
    moa_missing="MOA not posted",
    addendum="addendum",
    was="was {}",
    posted="{} posted: ",
    replaced="{} replaced: ",
    unlinked="{} no longer linked",
    now_was="{} now {}, was {}",
    moved="was listed under {}",
    not_given="not given",
    other_type="another support type",
    unknown_state="State not readable on ICE's list",
    no_proof="This is what ICE's list shows. It does not prove that an agreement was ended.",
    lists={ListName.PARTICIPATING: "ICE's list ", ListName.PENDING: "ICE's pending list "},
    fetched=", fetched {}",
    page="ICE's 287(g) page",
    nothing="287(g): nothing changed",
    nothing_read=("1 source was read.", "{} sources were read."),
    last_read=" ICE's list was last read well on {}.",
    older=("1 older change is not named here.", "{} older changes are not named here."),
    totals="On ICE's list now: {agreements:,} agreements of {agencies:,} agencies in {states} states and territories, ",
    more="{:,} more than a day ago, ",
    fewer="{:,} fewer than a day ago, ",
    as_before="as many as a day ago, ",
    since="{:,} in January 2025.",
    held="One of ICE's lists looks wrong and is held until it is checked; what it says is not told yet.",
    correction="Correction",
    was_wrong="On {day} we told you of {agency}, {support}, in {state}: {happened}. That was wrong: {because}",
    mention_was_wrong="On {day} we told you of an agenda of {agency}, {state}: “{title}”. That was wrong: {because}",
    again_on_agenda="amended on a local agenda",
    statuses={
        CANCELLED: "The meeting is cancelled",
        POSTPONED: "The meeting is postponed",
        RESCHEDULED: "The meeting is rescheduled",
        OFF_CALENDAR: "The meeting was taken off the calendar",
        OFF_AGENDA: "The agenda no longer speaks of it",
    },
    was_to_be="; it was set for {}",
    no_day="no date yet",
    back_on="It takes place after all; before: {}.",
    moved_from="Moved: it was set for {}.",
    first_seen="It stood there when we read this agenda for the first time.",
    agenda_was="Before: ",
    quoted="“{}”",
    on_page=" (page {})",
    matched="Words that matched: {}",
    listed_there="ICE lists there now: ",
    none_listed="ICE lists no agency of {} now.",
    since_day=" since {}",
    county="{} County",
    parish="{} Parish",
    agenda_read=". Read {}.",
    no_agreement_yet="What stands on an agenda is not signed yet; a vote may go either way.",
    spoken_of={
        True: "Was on the agenda of the {body} on {day}: ",
        False: "Is on the agenda of the {body} for {day}: ",
    },
    spoken_of_once="Was spoken of by the {body}: ",
    called_off=" ({})",
)  # fmt: skip
_SPANISH = _Phrases(
    happened={
        Kind.SIGNED: "nuevo en la lista de ICE",
        Kind.WITHDRAWN: "ya no está en la lista de ICE",
        Kind.REINSTATED: "de nuevo en la lista de ICE",
        Kind.APPLIED: "solicitud pendiente ante ICE",
        Kind.MENTIONED: "en la agenda de un gobierno local",
        Kind.DROPPED: "ya no está en la lista de solicitudes de ICE",
        Kind.CORRECTED: "corregido en la lista de ICE",
        Kind.RENAMED: "con otro nombre en la lista de ICE",
        Kind.AMENDED: "modificado",
        Kind.RETRACTED: "contado por error",
    },
    counted={
        Kind.SIGNED: ("acuerdo nuevo", "acuerdos nuevos"),
        Kind.WITHDRAWN: ("ya no está en la lista", "ya no están en la lista"),
        Kind.REINSTATED: ("de nuevo en la lista", "de nuevo en la lista"),
        Kind.APPLIED: ("solicitud", "solicitudes"),
        Kind.MENTIONED: ("punto en una agenda local", "puntos en agendas locales"),
        Kind.DROPPED: ("solicitud retirada", "solicitudes retiradas"),
        Kind.CORRECTED: ("corrección", "correcciones"),
        Kind.RENAMED: ("agencia con otro nombre", "agencias con otro nombre"),
        Kind.AMENDED: ("modificación", "modificaciones"),
        Kind.RETRACTED: ("corrección nuestra", "correcciones nuestras"),
    },
    columns={
        "county": "condado",
        "agency_type": "tipo",
        "support_type": "modalidad",
        "signed": "fecha de firma",
        "moa": "acuerdo (MOA)",
        "addendum": "anexo",
    },
    support_types={
        SupportType.JEM: "Modelo de aplicación en cárceles (Jail Enforcement Model)",
        SupportType.WSO: "Agente de órdenes de arresto (Warrant Service Officer)",
        SupportType.TFM: "Modelo de fuerza de tarea (Task Force Model)",
    },
    months=(
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ),
    date="{day} de {month} de {year}",
    signed=", firmado el {}",
    signed_unknown=", fecha de firma ilegible",
    pending_since=", pendiente desde el {} ({})",
    days=("1 día", "{} días"),
    last_on=", por última vez en ",
    moa_missing="acuerdo (MOA) sin publicar",
    addendum="anexo",
    was="antes {}",
    posted="{} publicado: ",
    replaced="{} reemplazado: ",
    unlinked="{} ya sin enlace",
    now_was="{}: ahora {}, antes {}",
    moved="antes figuraba en {}",
    not_given="sin dato",
    other_type="otra modalidad",
    unknown_state="Estado ilegible en la lista de ICE",
    no_proof="Esto es lo que muestra la lista de ICE. No prueba que un acuerdo haya terminado.",
    lists={ListName.PARTICIPATING: "Lista de ICE ", ListName.PENDING: "Lista de solicitudes de ICE "},
    fetched=", leída el {}",
    page="Página de ICE sobre 287(g)",
    nothing="287(g): sin cambios",
    nothing_read=("Se leyó 1 fuente.", "Se leyeron {} fuentes."),
    last_read=" La lista de ICE se leyó bien por última vez el {}.",
    older=("1 cambio anterior no se menciona aquí.", "{} cambios anteriores no se mencionan aquí."),
    totals="En la lista de ICE: {agreements:,} acuerdos de {agencies:,} agencias en {states} estados y territorios, ",
    more="{:,} más que hace un día, ",
    fewer="{:,} menos que hace un día, ",
    as_before="igual que hace un día, ",
    since="{:,} en enero de 2025.",
    held="Una lista de ICE parece errónea y está retenida hasta que se revise; lo que dice aún no se cuenta.",
    correction="Corrección",
    was_wrong="El {day} le contamos de {agency}, {support}, en {state}: {happened}. Fue un error: {because}",
    mention_was_wrong="El {day} le contamos de una agenda de {agency}, {state}: «{title}». Fue un error: {because}",
    again_on_agenda="modificado en la agenda de un gobierno local",
    statuses={
        CANCELLED: "La reunión se canceló",
        POSTPONED: "La reunión se aplazó",
        RESCHEDULED: "La reunión se reprogramó",
        OFF_CALENDAR: "La reunión ya no figura en el calendario",
        OFF_AGENDA: "La agenda ya no lo menciona",
    },
    was_to_be="; estaba prevista para el {}",
    no_day="aún sin fecha",
    back_on="Se celebrará de todos modos; antes: {}.",
    moved_from="Cambió de fecha: estaba prevista para el {}.",
    first_seen="Ya figuraba cuando leímos esta agenda por primera vez.",
    agenda_was="Antes: ",
    quoted="«{}»",
    on_page=" (página {})",
    matched="Palabras que coinciden: {}",
    listed_there="En la lista de ICE figura allí: ",
    none_listed="En la lista de ICE no figura ninguna agencia del {}.",
    since_day=" desde el {}",
    county="condado de {}",
    parish="parroquia de {}",
    agenda_read=". Leída el {}.",
    no_agreement_yet="Lo que figura en una agenda aún no está firmado; la votación puede ir en un sentido u otro.",
    spoken_of={
        True: "Estuvo en la agenda de {body} el {day}: ",
        False: "Está en la agenda de {body} para el {day}: ",
    },
    spoken_of_once="Lo mencionó {body}: ",
    called_off=" ({})",
)  # fmt: skip
_WITHOUT_COUNTIES = frozenset({"AK", "AS", "GU", "MP", "PR", "VI"})  # boroughs, islands, municipalities
_IN = {Language.ENGLISH: _ENGLISH, Language.SPANISH: _SPANISH}


def state_name(code: str, language: Language = Language.ENGLISH) -> str:
    """A state as a reader reads it."""
    return STATES.get(code, _IN[language].unknown_state)


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of messages in one language, with moments in one time zone (a name such as America/Chicago)."""

    language: Language
    tz: str

    @property
    def _say(self) -> _Phrases:
        return _IN[self.language]

    def day(self, day: date) -> str:
        """A day: August 26, 2025."""
        return self._say.date.format(month=self._say.months[day.month - 1], day=day.day, year=day.year)

    def moment(self, moment: datetime) -> str:
        """A moment in the reader's zone: August 29, 2025, 5:00 PM EDT."""
        return self._local(moment, self.tz)

    def _local(self, moment: datetime, tz: str) -> str:
        local = moment.astimezone(ZoneInfo(tz))
        clock = (
            f"{local:%H:%M %Z}" if self.language is Language.SPANISH else f"{local.hour % 12 or 12}:{local:%M %p %Z}"
        )
        return f"{self.day(local)}, {clock}"

    def support(self, agreement: Agreement) -> str:
        """The support type written out; one that we do not know as ICE printed it."""
        if agreement.support_type is SupportType.OTHER:
            return agreement.printed.get("SUPPORT TYPE", "").strip() or self._say.other_type
        return self.support_type(agreement.support_type)

    def support_type(self, kind: SupportType) -> str:
        """A support type written out."""
        return self._say.support_types.get(kind, self._say.other_type)

    def title(self, kinds: Sequence[Kind]) -> Line:
        """What a message is about, in one line: 287(g): 3 new agreements, 1 no longer listed."""
        if not kinds:
            return (Span(self._say.nothing, strong=True),)
        counts = {kind: kinds.count(kind) for kind in Kind if kind in kinds}
        said = [f"{number} {self._say.counted[kind][number > 1]}" for kind, number in counts.items()]
        return (Span(f"287(g): {', '.join(said)}", strong=True),)

    def heading(self, state: str, kind: Kind, *, on_agenda: bool = False) -> Line:
        """What happened in a state, above the agencies to which it happened, or what is `on_agenda`."""
        amended = on_agenda and kind is Kind.AMENDED
        happened = self._say.again_on_agenda if amended else self._say.happened[kind]
        return (Span(f"{state_name(state, self.language)}: {happened}", strong=True),)

    def happened(self, kind: Kind) -> str:
        """What happened, without a place: no longer on ICE's list."""
        return self._say.happened[kind]

    def agency(self, kind: Kind, changes: Sequence[Change]) -> tuple[Line, ...]:
        """An agency, and a line for each of its agreements."""
        agreement = changes[0].agreement
        name = [Span(agreement.agency, strong=True)]
        if _county_says_more(agreement):
            name.append(Span(f" ({agreement.county})"))
        return (tuple(name), *(self._agreement(kind, change) for change in changes))

    def _agreement(self, kind: Kind, change: Change) -> Line:
        support = Span(self.support(change.agreement))
        match kind:
            case Kind.SIGNED | Kind.REINSTATED:
                dated = (*self._signed(change.agreement), *self._pending(change), *self._formerly(change))
                return (support, *dated, *self._moa(change.agreement))
            case Kind.WITHDRAWN:
                return (support, *self._signed(change.agreement), *self._last_on(change), *self._moa(change.agreement))
            case Kind.APPLIED | Kind.DROPPED:
                return (support,)
            case _:
                return (support, Span(": "), *self._differences(kind, change))

    def _signed(self, agreement: Agreement) -> Line:
        if agreement.signed is None:
            return (Span(self._say.signed_unknown),)
        return (Span(self._say.signed.format(self.day(agreement.signed))),)

    def _pending(self, change: Change) -> Line:
        if change.pending_since is None:
            return ()
        days = max((change.publication.observed_at.date() - change.pending_since).days, 0)
        span = self._say.days[days != 1].format(days)
        return (Span(self._say.pending_since.format(self.day(change.pending_since), span)),)

    def _formerly(self, change: Change) -> Line:
        if change.was is None or change.was.agency == change.agreement.agency:
            return ()
        return (Span(", " + self._say.was.format(change.was.agency)),)

    def _last_on(self, change: Change) -> Line:
        if change.before is None:
            return ()
        return (Span(self._say.last_on), Span(change.before.name, href=change.before.address))

    def _moa(self, agreement: Agreement) -> Line:
        moa = Span("MOA", href=agreement.moa) if agreement.moa else Span(self._say.moa_missing)
        addendum = (Span(" · "), Span(self._say.addendum, href=agreement.addendum)) if agreement.addendum else ()
        return (Span(" · "), moa, *addendum)

    def mention(self, change: Change) -> tuple[Line, ...]:
        """What stands on an agenda: who meets when, what was changed, what it says, and what ICE lists there."""
        said = change.mention
        assert said is not None
        lines = [self._meeting(said), self._planned(said), *self._said(said), self._listed(said)]
        matched = self._say.matched.format(" · ".join(said.matched))
        read = self._say.agenda_read.format(self.moment(change.publication.observed_at))
        return (*(line for line in lines if line), (Span(matched + read),))

    def _meeting(self, said: Mention) -> Line:
        """Who meets, where and when; the place by its name in the catalogue, where body and county do not say it."""
        county = self._county(said) if _adds(said.county, said.body) else ""
        place = _called(said.source, said.state)
        known = f"{said.body} {said.county} county parish".casefold()
        town = place if any(word.casefold() not in known for word in place.split()) else ""
        return (Span(said.body, strong=True), *(Span(f", {word}") for word in (town, county, self.meets(said)) if word))

    def meets(self, said: Mention) -> str:
        """When a meeting is, at the place: December 1, 2026, 6:30 PM EST."""
        if said.meets_at is not None:
            return self._local(said.meets_at, said.zone)
        return self.day(said.meets_on) if said.meets_on is not None else self._say.no_day

    def _county(self, said: Mention) -> str:
        """The county in words, if it is known."""
        if not said.county or said.state in _WITHOUT_COUNTIES:
            return said.county
        name = re.sub(r" (?:county|parish)$", "", said.county, flags=re.IGNORECASE)
        return (self._say.parish if said.state == "LA" else self._say.county).format(name)

    def _planned(self, said: Mention) -> Line:
        """That a meeting does not take place as it was set, or what stood there from the first."""
        before = said.before
        if said.status:
            was_set = self._say.was_to_be.format(self.meets(before)) if before and before.meets_on else ""
            was_set = was_set if before and before.planned[:2] != said.planned[:2] else ""
            return (Span(f"{self._say.statuses.get(said.status, said.status)}{was_set}.", strong=True),)
        if before is not None and before.status:
            status = self._say.statuses.get(before.status, before.status)
            return (Span(self._say.back_on.format(status[0].lower() + status[1:]), strong=True),)
        if before is not None and before.meets_on is not None and before.planned != said.planned:
            return (Span(self._say.moved_from.format(self.meets(before)), strong=True),)
        return (Span(self._say.first_seen),) if said.already else ()

    def _said(self, said: Mention) -> Iterator[Line]:
        """The thing by its name, the sentence where that is another, and what it was called before."""
        yield (Span(said.title, href=said.address),)
        if said.excerpt and not _holds(said.title, said.excerpt):
            page = self._say.on_page.format(said.page) if said.page is not None else ""
            yield (Span(self._say.quoted.format(said.excerpt) + page),)
        elif said.page is not None:
            yield (Span(self._say.on_page.format(said.page).strip(" ()")),)
        before = said.before
        if before is not None and before.said[:4] != said.said[:4]:
            was = before.title if before.title != said.title else before.excerpt
            if was:
                yield (Span(self._say.agenda_was), Span(self._say.quoted.format(was), href=before.address))

    def _listed(self, said: Mention) -> Line:
        """What ICE lists there; nothing where its list or the county is not known, so that nobody can tell."""
        if said.listed is None:
            return ()
        if not said.listed:
            county = self._county(said)
            return (Span(self._say.none_listed.format(county)),) if county else ()
        agencies: dict[str, list[str]] = {}
        for agreement in said.listed:
            since = self._say.since_day.format(self.day(agreement.signed)) if agreement.signed else ""
            agencies.setdefault(agreement.agency, []).append(f"{self.support(agreement)}{since}")
        named = (f"{agency} ({', '.join(types)})" for agency, types in agencies.items())
        return (Span(self._say.listed_there), Span("; ".join(named)), Span("."))

    def spoken_of(self, said: Mention, on: date) -> Line:
        """That a change on ICE's list, seen on that day, stood on an agenda before."""
        day = self.day(said.meets_on) if said.meets_on is not None else ""
        over = said.meets_on is not None and said.meets_on <= on
        lead = self._say.spoken_of[over] if day else self._say.spoken_of_once
        status = self._say.statuses.get(said.status, said.status)
        off = self._say.called_off.format(status[0].lower() + status[1:]) if status else ""
        return (Span(lead.format(body=said.body, day=day)), Span(said.title, href=said.address), Span(off))

    def _differences(self, kind: Kind, change: Change) -> Line:
        before, now = change.was or change.agreement, change.agreement
        if kind is Kind.RENAMED:
            return (Span(self._say.was.format(before.agency)),)
        found = [self._difference(name, before, now) for name in ("state", *self._say.columns)]
        spans: list[Span] = []
        for difference in filter(None, found):
            spans += [Span("; ")] if spans else []
            spans += difference
        return tuple(spans)

    def _difference(self, name: str, before: Agreement, now: Agreement) -> Line:
        old, new = getattr(before, name), getattr(now, name)
        if old == new:
            return ()
        if name == "state":
            return (Span(self._say.moved.format(state_name(old, self.language))),)
        word = self._say.columns[name]
        if name in {"moa", "addendum"}:
            return self._document(word, old, new)
        return (Span(self._say.now_was.format(word, self._value(name, now), self._value(name, before))),)

    def _document(self, word: str, old: str | None, new: str | None) -> Line:
        if new is None:
            return (Span(self._say.unlinked.format(word)),)
        said = self._say.replaced if old else self._say.posted
        return (Span(said.format(word)), Span(word, href=new))

    def _value(self, name: str, agreement: Agreement) -> str:
        value = getattr(agreement, name)
        if name == "support_type":
            return self.support(agreement)
        return self.day(value) if isinstance(value, date) else str(value or self._say.not_given)

    def sources(self, changes: Sequence[Change], *, page: str) -> tuple[Line, ...]:
        """Which lists a message rests on and when we fetched them; what a disappearance does not mean."""
        lines: list[Line] = []
        if any(change.kind is Kind.WITHDRAWN for change in changes):
            lines.append((Span(self._say.no_proof),))
        if any(change.mention is not None for change in changes):
            lines.append((Span(self._say.no_agreement_yet),))
        rests_on = {(c.list, c.publication.evidence): c.publication for c in changes if c.mention is None}
        for (which, _), publication in sorted(rests_on.items(), key=lambda entry: entry[1].observed_at):
            name = Span(publication.name, href=publication.address)
            fetched = Span(self._say.fetched.format(self.moment(publication.observed_at)))
            lines.append((Span(self._say.lists[which]), name, fetched))
        return (*lines, (Span(self._say.page, href=page),))

    def retraction(self, change: Change, told_on: date) -> tuple[Line, Line]:
        """That a change told on that day was wrong, and why."""
        agreement, kind = change.agreement, change.retracted or change.kind
        if change.mention is not None:
            wrong = self._say.mention_was_wrong.format(
                day=self.day(told_on),
                agency=agreement.agency,
                state=state_name(agreement.state, self.language),
                title=change.mention.title,
                because=change.because,
            )
            return (Span(self._say.correction, strong=True),), (Span(wrong),)
        wrong = self._say.was_wrong.format(
            day=self.day(told_on),
            agency=agreement.agency,
            support=self.support(agreement),
            state=state_name(agreement.state, self.language),
            happened=self._say.happened[kind],
            because=change.because,
        )
        return (Span(self._say.correction, strong=True),), (Span(wrong),)

    def nothing_new(self, sources: int, read_at: datetime | None) -> Line:
        """What was read although nothing changed."""
        read = self._say.last_read.format(self.moment(read_at)) if read_at else ""
        return (Span(self._say.nothing_read[sources != 1].format(sources) + read),)

    def older(self, number: int) -> Line:
        """How many changes were missed for so long that they are only counted."""
        return (Span(self._say.older[number != 1].format(number)),)

    def circumstances(self, totals: Totals | None, *, is_held: bool) -> tuple[Line, ...]:
        """How many agreements there are in all, and what is held."""
        lines = []
        if totals is not None:
            more = totals.agreements - totals.before
            change = self._say.more if more > 0 else self._say.fewer if more < 0 else self._say.as_before
            head = self._say.totals.format(agreements=totals.agreements, agencies=totals.agencies, states=totals.states)
            lines.append((Span(head + change.format(abs(more)) + self._say.since.format(JANUARY_2025)),))
        if is_held:
            lines.append((Span(self._say.held),))
        return tuple(lines)


def _county_says_more(agreement: Agreement) -> bool:
    """Whether the county adds to the name: not to Harris County Sheriff's Office, Harris County."""
    return _adds(agreement.county, agreement.agency)


def _adds(county: str, name: str) -> bool:
    """Whether a county adds to a name."""
    first = county.casefold().removesuffix("county").removesuffix("parish").strip()
    return bool(first) and first not in name.casefold()


def _called(source: str, state: str) -> str:
    """A place's name in the catalogue without its state, which the heading says: Nash County, NC."""
    return source.removesuffix(f", {state}")


def _holds(title: str, excerpt: str) -> bool:
    """Whether a title says already what the sentence says."""
    return excerpt.strip("… .").casefold() in title.casefold()
