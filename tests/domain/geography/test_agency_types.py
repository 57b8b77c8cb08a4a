"""Types of agency, decided from ICE's TYPE and the name. All rows are from ICE's lists."""

import pytest
from support.archive import agreements, needs_archive

from bot.domain.geography.agency_types import AgencyType, agency_types

S, P, W, C, K, J, A = (
    AgencyType.SHERIFF, AgencyType.POLICE, AgencyType.STATE, AgencyType.CAMPUS, AgencyType.CONSTABLE,
    AgencyType.CORRECTIONS, AgencyType.PROSECUTOR,
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "printed", "agency", "types"),
    [
        ("TX", "County", "Harris County Sheriff's Office", {S}),
        ("MO", "County", "Christian County Sherrif's Office", {S}),
        ("AL", "County", "Marshall County Sheriff's Office", {S}),
        ("VA", "Municipality", "Hopewell Sheriff's Office", {S}),
        ("FL", "Municipality", "Tampa Police Department", {P}),
        ("FL", "County", "Alachua Police Departent", {P}),
        ("FL", "Municipality", "New Port Richey Polce Department", {P}),
        ("FL", "Municipality", "Indian River Shores DPS", {P}),
        ("NY", "County", "Nassau County Police Department", {P}),
        ("FL", "State Agency", "City of Miami Police Department", {P}),
        ("MI", "State", "Center Line Division of Public Safety and Security", {P}),
        ("TX", "Municipality", "College Station Police Department", {P}),
        ("FL", "State Agency", "Florida Department of Law Enforcement", {W}),
        ("IN", "Municipality", "Indiana State Police Department", {W}),
        ("LA", "Municipality", "Louisiana Alcohol and Tobacco Control", {W}),
        ("FL", "#NA", "Criminal Investigation Division, Department of Financial Services", {W}),
        ("VA", "State Agency", "Department of State Police", {W}),
        ("LA", "State Agency", "Louisiana Office of the State Fire Marshal", {W}),
        ("WY", "State", "Wyoming Highway State Patrol", {W}),
        ("TX", "State Agency", "Texas National Guard", {W}),
        ("FL", "State Agency", "Florida Department of Corrections", {W, J}),
        ("LA", "#NA", "Louisiana Department of Public Safety & Corrections", {W, J}),
        ("TX", "State Agency", "Office of the Attorney General", {W, A}),
        ("FL", "State Agency", "University of Florida Police Department", {C}),
        ("FL", "State", "District Board of Trustees of Pensacola State College", {C}),
        ("FL", "Municipality", "New College of Florida Police Department", {C}),
        ("PA", "Municipality", "Pennsylvania State Constable's Office, Cooke Township", {K}),
        ("TN", "Municipality", "Tennessee State Constable 4th District", {K}),
        ("PA", "County", "Coolspring Township Constbales Office", {K}),
        ("TX", "Muncipality", "New Berlin Marshal's Office", {K}),
        ("FL", "County", "Orange County Corrections Department", {J}),
        ("KY", "County", "Oldham County Detention Center", {J}),
        ("PA", "County", "Cambria County Prison", {J}),
        ("VA", "State Agency", "Southwest Virginia Regional Jail Authority", {J}),
        ("FL", "State Agency", "Office of the State Attorney, Sixth Judicial Circuit", {A}),
        ("AR", "State", "16th Judicial Distric Drug Task Force", set()),
        ("FL", "County", "Gulf County BOCC", set()),
    ],
)
def test_the_type_column_and_the_name_decide_together(state, printed, agency, types):
    assert agency_types(state, printed, agency) == types


@needs_archive
@pytest.mark.slow
def test_nearly_every_agency_that_ice_ever_listed_has_a_type():
    without = {a.agency for a in agreements() if not agency_types(a.state, a.agency_type, a.agency)}
    assert len({(a.state, a.agency) for a in agreements()}) > 1200
    assert len(without) < 15, without
