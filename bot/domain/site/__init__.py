"""The public pages as a pure function of the store: one model per version, from which each page is a view.

    site_of(changes, known)  →  Site  →  Model(site, freshness, day)  →  a page's view  →  template  →  bytes

`bot/web/pages/` gathers the values from the store, keeps the model and renders the templates. Nothing here reads a
clock, and the same values always give the same pages.

To add a page:

1. Write a view in `views.py` (or a module beside it): a function of a `Request` that returns the values that its
   template needs, a `Redirect`, or None if there is no such page.
2. Add a `Page` to `PAGES` in `pages.py` with its pattern, its view, its template and the addresses that it answers.
   The server, the sitemap and the export read that table.
3. Write the template in `bot/web/pages/templates/`. Sentences are messages: `t("…")`, or `tn("…", "…", n)` with a
   plural. Add their Spanish to the catalog.

A page that isn't HTML names its content type and returns a `Body` instead of values. Feeds, calendars, data and
pictures to embed are in the table `FILES` in `files.py`, and their views in `data_views.py`. A column of a data file is
a line in `tables.py`: CSV, JSON, SQLite, the page /data and the description of the API follow from it.
"""
