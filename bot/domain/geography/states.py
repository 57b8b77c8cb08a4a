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

SPANISH_NAMES = {  # those that differ by more than an accent
    "Carolina del Norte": "NC", "Carolina del Sur": "SC", "Dakota del Norte": "ND", "Dakota del Sur": "SD",
    "Distrito de Columbia": "DC", "Islas Marianas del Norte": "MP", "Islas Vírgenes": "VI",
    "Islas Vírgenes de los Estados Unidos": "VI", "Islas Vírgenes de EE. UU.": "VI", "Luisiana": "LA",
    "Misisipi": "MS", "Misuri": "MO", "Minesota": "MN", "Nueva Hampshire": "NH", "Nuevo Hampshire": "NH",
    "Nueva Jersey": "NJ", "Nueva York": "NY", "Nuevo México": "NM", "Pensilvania": "PA", "Samoa Americana": "AS",
    "Tejas": "TX", "Virginia del Oeste": "WV", "Virginia Occidental": "WV",
}  # fmt: skip


TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
