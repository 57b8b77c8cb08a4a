"""The page of the demonstration: the chats, the timeline and the scenes. It also works without script."""

import hashlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from importlib.resources import files
from urllib.parse import parse_qsl

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bot.demo.chats import OPERATOR, ROOMS, Chats, Room
from bot.demo.clock import local
from bot.demo.story import Scene, Story
from bot.domain.language import Language
from bot.domain.text.formats import formats

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ASSETS = {"demo.css": "text/css", "demo.js": "text/javascript", "demo.svg": "image/svg+xml"}
LONGEST_TYPED = 500
MOST_FIELDS = 10
OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ChatPage:
    """The page and what its forms do. `addresses` are those of the public page, of ICE's page and of the town's."""

    def __init__(self, chats: Chats, story: Story, now: Callable[[], datetime], addresses: Mapping[str, str]) -> None:
        self._chats, self._story, self._now, self._addresses = chats, story, now, addresses
        self._rooms = {room.key: room for room in ROOMS}

    @asynccontextmanager
    async def served(self, door: socket.socket) -> AsyncIterator[None]:
        """Serve the page at a socket that is open already, while the block runs."""
        app = web.Application(middlewares=[_guard], client_max_size=16 * 1024)
        app.router.add_get("/", self._page)
        app.router.add_get("/photos/{name}.png", self._photo)
        app.router.add_post("/press", self._pressed)
        app.router.add_post("/say", self._said)
        for name, content_type in ASSETS.items():
            app.router.add_get(f"/{name}", _asset(name, content_type))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.SockSite(runner, door).start()
            yield
        finally:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        """Show the page. It has an ETag, so that asking every second costs nothing while nothing happens."""
        clock = formats(Language.ENGLISH).clock
        text = (
            _environment()
            .get_template("chats.html")
            .render(
                story=self._story,
                scenes=list(Scene),
                rooms=[(room, self._chats.bubbles(room)) for room in ROOMS],
                operator=OPERATOR,
                addresses=self._addresses,
                clock=lambda moment: clock(local(moment).time()),
                day=lambda moment: formats(Language.ENGLISH).day(local(moment).date()),
                weekday=lambda moment: f"{local(moment):%A}",
                now=self._now(),
                Markup=Markup,
            )
        )
        body = text.encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = {**SECURITY, "ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers={**headers, "Content-Type": "text/html; charset=utf-8"})

    async def _photo(self, request: web.Request) -> web.Response:
        photo = self._chats.photo(request.match_info["name"])
        if photo is None:
            raise web.HTTPNotFound
        return web.Response(body=photo, content_type="image/png", headers=SECURITY)

    async def _pressed(self, request: web.Request) -> web.Response:
        """Press a button as the person in a room does: Telegram tells the program, and the program answers."""
        form = await _form(request)
        self._chats.press(self._room(form.get("room")), form.get("message", ""), form.get("asks", ""))
        return _back(form.get("room"))

    async def _said(self, request: web.Request) -> web.Response:
        """Write to the bot as the person in a room does."""
        form = await _form(request)
        room, text = self._room(form.get("room")), form.get("text", "").strip()[:LONGEST_TYPED]
        if text and room.platform == "telegram":
            self._chats.say(room, text)
        return _back(form.get("room"))

    def _room(self, key: object) -> Room:
        room = self._rooms.get(str(key))
        if room is None:
            raise web.HTTPBadRequest(text="There is no such chat.\n")
        return room


@web.middleware
async def _guard(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Answer only under this machine's own names, and take forms only from this page."""
    if not OWN_NAMES.fullmatch(request.host):
        raise web.HTTPForbidden(text="This page is only for the machine it runs on.\n")
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin not in {None, f"http://{request.host}"}:
        raise web.HTTPForbidden(text="Forms of other sites aren't taken.\n")
    return await handler(request)


async def _form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form. Refuse a request that no form of this page makes."""
    if request.content_type != "application/x-www-form-urlencoded" or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text="Only the forms of this page are taken.\n")
    try:
        return dict(parse_qsl((await request.read()).decode(errors="replace"), max_num_fields=MOST_FIELDS))
    except ValueError:
        raise web.HTTPBadRequest(text="A form of this page has only a few fields.\n") from None


def _back(room: object) -> web.Response:
    return web.Response(status=303, headers={**SECURITY, "Location": f"/#{room}"})


def _asset(name: str, content_type: str) -> Answer:
    body = files("bot.demo").joinpath("assets", name).read_bytes()

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=SECURITY)

    return answer


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bot.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
