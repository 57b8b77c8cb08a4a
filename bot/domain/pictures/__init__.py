"""Drawings of numbers on ICE's list as SVG, for digests, public pages and link previews.

Each function takes plain values and returns a `Drawing` (bot/domain/pictures/svg.py). Nothing here reads a clock or a
store, and the same values always give the same bytes.

    tiles.state_tiles(counts by state, language, moves=…, link=…, numbers=True)
    course.course_by_type([(date, {SupportType: n}), …], until=…, language=…, gap=None)   stacked areas
    course.course_of_totals([(date, n), …], until=…, language=…)                          one area
    county_map.state_map(state, counts by FIPS, language, gained=…, lost=…, link=…)       None: has no map
    county_map.nation_map(counts by FIPS, language, link=…)
    card.card(title, subtitle, series, until=…, source=…, language=…, moved=…)            1200 × 630, for link previews
    card.badge(label, value)

On a page, write `drawing.inline("map")`: an <svg> with <title>, <desc> and aria-labelledby, whose ids begin with the
name given. It has classes and presentation attributes only, so that a strict Content-Security-Policy allows it.
`inline("map", role="group")` is for drawings whose links are meant for the keyboard (tiles), and `inline("map",
hidden=True)` for those that a table replaces; links in maps have tabindex="-1". As a file, write
`drawing.standalone()`: it carries its own style, and `dark=True` adds the dark colors. PNG is made of `standalone()`.

`style.stylesheet()` returns the CSS of the classes, with the dark set in a media query; put it into the page's own
stylesheet. The classes: `p-svg` on the root. Text: `p-ink`, `p-faint`, `p-line-text`, `p-t0` to `p-t4` on the shades,
`p-mark` on badges, `p-halo`. Fills: `p-page`, `p-0` to `p-4` (shades), `p-area`, `p-dot`, `p-new`, `p-gone`, `p-tfm`,
`p-wso`, `p-jem`, `p-other`. Lines: `p-rule`, `p-axis`, `p-line`, `p-gap`, `p-seam`, `p-state`, `p-watched`, `p-sign`.
Axis text has the class `p-axis-text`, so that a page can enlarge it on phones.
"""
