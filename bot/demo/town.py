"""The made-up town whose council the program watches, on a portal like that of many real towns."""

from datetime import datetime

from bot.demo.clock import ZONE
from bot.demo.loopback.local import PrimeGovServer, page
from bot.demo.season import TOWN, TOWN_COUNTY, TOWN_STATE
from bot.domain.agenda import Place

AGENDA = """<p><strong>Demonstration.</strong> This town and its council don't exist.</p>
<h1>Pretend Harbor Town Council</h1>
<ol><li>Call to order</li><li>Minutes of the last meeting</li>
<li>Consider a Memorandum of Agreement between U.S. Immigration and Customs Enforcement and the Pretend Harbor Police
Department under Section 287(g) of the Immigration and Nationality Act (Task Force Model).</li>
<li>Repairs to the boat ramp</li><li>Adjournment</li></ol>"""
PORTAL = """<p><strong>Demonstration.</strong> This town and its council don't exist.</p><h1>Agendas</h1>"""


def place(portal: PrimeGovServer) -> Place:
    """Return the town as the catalog of local sources would name it."""
    return Place(
        name=f"{TOWN}, {TOWN_STATE}",
        kind="primegov",
        address=f"{portal.base}/public/portal",
        state=TOWN_STATE,
        county=TOWN_COUNTY,
        zone=ZONE,
        every_hours=1,
        body=f"{TOWN} Town Council",
    )


def open_portal(portal: PrimeGovServer) -> None:
    """Put the portal's page up, before any meeting is announced."""
    portal.files["/public/portal"] = page(PORTAL, title=f"{TOWN}: demonstration")


def put_on_agenda(portal: PrimeGovServer, at: datetime) -> None:
    """Announce tonight's meeting, with 287(g) on its agenda."""
    document = portal.document(7, "Agenda", page(AGENDA, title=f"{TOWN} Town Council: demonstration"), output=3)
    portal.meeting(1, f"{TOWN} Town Council", f"{at:%Y-%m-%dT%H:%M:%S}", document)
