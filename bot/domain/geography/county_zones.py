"""The counties whose time isn't that of most people in their state. For a county with two times, the seat's counts."""

from collections.abc import Mapping
from functools import cache

OTHER_ZONES = {  # by state and time zone
    ("FL", "America/Chicago"): "Bay, Calhoun, Escambia, Holmes, Jackson, Okaloosa, Santa Rosa, Walton, Washington",
    ("ID", "America/Los_Angeles"): (
        "Benewah, Bonner, Boundary, Clearwater, Idaho, Kootenai, Latah, Lewis, Nez Perce, Shoshone"
    ),
    ("IN", "America/Chicago"): (
        "Gibson, Jasper, Lake, LaPorte, Newton, Perry, Porter, Posey, Spencer, Starke, Vanderburgh, Warrick"
    ),
    ("KS", "America/Denver"): "Greeley, Hamilton, Sherman, Wallace",
    ("KY", "America/Chicago"): (
        "Adair, Allen, Ballard, Barren, Breckinridge, Butler, Caldwell, Calloway, Carlisle, Christian, Clinton, "
        "Crittenden, Cumberland, Daviess, Edmonson, Fulton, Graves, Grayson, Green, Hancock, Hart, Henderson, Hickman, "
        "Hopkins, Livingston, Logan, Lyon, Marshall, McCracken, McLean, Metcalfe, Monroe, Muhlenberg, Ohio, Russell, "
        "Simpson, Todd, Trigg, Union, Warren, Webster"
    ),
    ("MI", "America/Menominee"): "Dickinson, Gogebic, Iron, Menominee",
    ("ND", "America/Denver"): "Adams, Billings, Bowman, Dunn, Golden Valley, Grant, Hettinger, Slope, Stark",
    ("NE", "America/Denver"): (
        "Arthur, Banner, Box Butte, Chase, Cheyenne, Dawes, Deuel, Dundy, Garden, Grant, Hooker, Keith, Kimball, "
        "Morrill, Perkins, Scotts Bluff, Sheridan, Sioux"
    ),
    ("OR", "America/Boise"): "Malheur",
    ("SD", "America/Denver"): (
        "Bennett, Butte, Corson, Custer, Dewey, Fall River, Haakon, Harding, Jackson, Lawrence, Meade, Oglala Lakota, "
        "Pennington, Perkins, Ziebach"
    ),
    ("TN", "America/New_York"): (
        "Anderson, Blount, Bradley, Campbell, Carter, Claiborne, Cocke, Grainger, Greene, Hamblen, Hamilton, Hancock, "
        "Hawkins, Jefferson, Johnson, Knox, Loudon, McMinn, Meigs, Monroe, Morgan, Polk, Rhea, Roane, Scott, Sevier, "
        "Sullivan, Unicoi, Union, Washington"
    ),
    ("TX", "America/Denver"): "El Paso, Hudspeth",
}


def zone_of_county(state: str, county: str) -> str:
    """Return the time zone of a county, by its name in the catalog, if it isn't its state's usual one, or ""."""
    return _by_county().get((state, county), "")


@cache
def _by_county() -> Mapping[tuple[str, str], str]:
    return {(state, name): zone for (state, zone), names in OTHER_ZONES.items() for name in names.split(", ")}
