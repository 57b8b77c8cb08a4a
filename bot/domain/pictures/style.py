"""The colors of drawings, as classes. Both sets tell the shades apart to people with any form of color blindness."""

from collections.abc import Mapping
from functools import cache

FONT = "Source Sans Pro"  # regular and semibold; pages use their own font
SHADES = 5  # from none to the most

_LIGHT = {
    "page": "#ffffff", "ink": "#16212c", "faint": "#55626f", "rule": "#d8dee4", "edge": "#8fa0af", "line": "#12416b",
    "area": "#dbe7f1", "new": "#ffb000", "gone": "#ffffff", "mark": "#16212c",
    "0": "#ffffff", "1": "#d6e5f0", "2": "#9cc1dd", "3": "#3a78a8", "4": "#12416b",
    "t0": "#55626f", "t1": "#16212c", "t2": "#16212c", "t3": "#ffffff", "t4": "#ffffff",
    "tfm": "#12416b", "wso": "#3a78a8", "jem": "#9cc1dd", "other": "#c9b48a",
}  # fmt: skip
_DARK = {
    "page": "#10181f", "ink": "#e8eef3", "faint": "#a5b3c0", "rule": "#2c3945", "edge": "#566675", "line": "#9cc9ee",
    "area": "#1b3347", "new": "#ffb000", "gone": "#ffffff", "mark": "#16212c",
    "0": "#10181f", "1": "#1d3f5c", "2": "#2f6a99", "3": "#69a9d9", "4": "#c2e1f8",
    "t0": "#a5b3c0", "t1": "#e8eef3", "t2": "#ffffff", "t3": "#10181f", "t4": "#10181f",
    "tfm": "#c2e1f8", "wso": "#69a9d9", "jem": "#2f6a99", "other": "#8a7a55",
}  # fmt: skip


def rules(color: Mapping[str, str]) -> str:
    """Return the CSS of all classes in these colors."""
    fills = {name: color[name] for name in ("ink", "faint", "mark", "area", "tfm", "wso", "jem", "other")}
    fills |= {f"t{shade}": color[f"t{shade}"] for shade in range(SHADES)}
    fills |= {"page": color["page"], "line-text": color["line"]}
    strokes = {"rule": color["rule"], "axis": color["faint"]}
    return "".join(
        (
            *(f".p-{name}{{fill:{value}}}" for name, value in fills.items()),
            *(f".p-{name}{{fill:none;stroke:{value}}}" for name, value in strokes.items()),
            *(
                f".p-{shade}{{fill:{color[str(shade)]};stroke:{color['edge']};stroke-width:.6}}"
                for shade in range(SHADES)
            ),
            f".p-0{{stroke:{color['rule']}}}",
            f".p-dot{{fill:{color['line']};stroke:{color['page']};stroke-width:2}}",
            f".p-line{{fill:none;stroke:{color['line']};stroke-width:3;stroke-linejoin:round}}",
            f".p-gap{{fill:none;stroke:{color['faint']};stroke-width:2;stroke-dasharray:5 5}}",
            f".p-seam{{fill:none;stroke:{color['page']};stroke-width:1.5}}",
            f".p-state{{fill:none;stroke:{color['faint']};stroke-width:1;stroke-linejoin:round}}",
            f".p-watched{{fill:none;stroke:{color['ink']};stroke-width:2.5;stroke-linejoin:round}}",
            f".p-new,.p-gone{{fill:{color['new']};stroke:{color['mark']};stroke-width:1.2}}",
            f".p-gone{{fill:{color['gone']}}}",
            f".p-sign{{fill:none;stroke:{color['mark']};stroke-width:1.8}}",
            f".p-halo{{stroke:{color['page']};stroke-width:5;stroke-linejoin:round;paint-order:stroke}}",
        )
    )


@cache
def stylesheet(*, dark: bool = True) -> str:
    """Return the CSS for drawings, by default with the dark colors for readers who prefer them."""
    return rules(_LIGHT) + (f"@media (prefers-color-scheme:dark){{{rules(_DARK)}}}" if dark else "")
