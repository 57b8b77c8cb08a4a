"""The public pages: rendered from a model of the store in one thread, kept in a bounded cache, and served by aiohttp.

`templates/` and `assets/` hold what a page looks like, `rendering` makes the bytes of one page, `cache` keeps the model
and the rendered pages of the current version, and `routes` answers requests. `bot/domain/site/` decides what each page
says; its docstring explains how to add one.
"""
