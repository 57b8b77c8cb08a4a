"""The states, the District of Columbia and the territories, by postal code."""

STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
    "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands", "PR": "Puerto Rico",
    "VI": "U.S. Virgin Islands",
}  # fmt: skip

IN_SPANISH = {  # only the names that differ, as U.S. newsrooms write them
    "DC": "Distrito de Columbia", "HI": "Hawái", "LA": "Luisiana", "NH": "Nueva Hampshire", "NJ": "Nueva Jersey",
    "NM": "Nuevo México", "NY": "Nueva York", "NC": "Carolina del Norte", "ND": "Dakota del Norte", "OR": "Oregón",
    "PA": "Pensilvania", "SC": "Carolina del Sur", "SD": "Dakota del Sur", "WV": "Virginia Occidental",
    "AS": "Samoa Americana", "MP": "Islas Marianas del Norte", "VI": "Islas Vírgenes de EE. UU.",
}  # fmt: skip

SPANISH_NAMES = {name: code for code, name in IN_SPANISH.items()} | {  # what people type differs more
    "Islas Vírgenes": "VI", "Islas Vírgenes de los Estados Unidos": "VI", "Islas Vírgenes Estadounidenses": "VI",
    "Misisipi": "MS", "Misuri": "MO", "Minesota": "MN", "Nuevo Hampshire": "NH", "Nuevo Jersey": "NJ",
    "Nuevo York": "NY", "Tejas": "TX", "Virginia del Oeste": "WV", "Washington D. C.": "DC",
}  # fmt: skip

TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
