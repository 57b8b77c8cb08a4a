"""Look at what we serve: the port, and the public address as seen from here."""

import socket
from urllib.parse import urlsplit

from bot.app.check.stored import Stored
from bot.channels.examination import PlatformApi
from bot.config.settings import DEFAULT_PORT, Settings
from bot.domain.finding import Finding, fine, unknown, wrong
from bot.errors import NoConnection, SourceError, Unsafe
from bot.fetch.post import Posted, Poster

LIVE = b"ok\n"  # the answer at /live
CAP = 4_096


async def asked(settings: Settings, api: PlatformApi, found: Stored) -> list[Finding]:
    """Ask our own port and our public address whether they answer."""
    is_asked = settings.public_url is not None or settings.relay_secret is not None or settings.serve_mirror
    port = settings.port or (DEFAULT_PORT if is_asked else None)
    if port is None:
        return [fine("No port is served, because neither PORT nor COUNTERSIGN_PUBLIC_URL is set.")]
    of_port, answers = await _of_port(port, api, found)
    if settings.public_url is None:
        return of_port
    return [*of_port, await _of_public(settings.public_url, api, is_running=answers or found.running is not None)]


async def _of_port(port: int, api: PlatformApi, found: Stored) -> tuple[list[Finding], bool]:
    """Return the findings about a port, and whether Countersign answers there."""
    try:
        told = await _live(f"http://127.0.0.1:{port}", api)
    except NoConnection:
        return [_of_free(port, found)], False
    except SourceError:
        told = None
    if told is not None and _is_ours(told):
        return [fine(f"Countersign answers on port {port}.")], True
    advice = "Stop the other program, or set PORT to another number."
    return [wrong(f"Port {port} is taken by another program.", advice)], False


def _of_free(port: int, found: Stored) -> Finding:
    """Return whether a port where no one answers can be opened."""
    if found.running is not None:
        return wrong(
            f"The running program doesn't answer on port {port}.", "Restart it, so that it reads the settings."
        )
    try:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(("", port))
    except OSError as fault:
        advice = "Ports below 1024 need rights. Set PORT to a higher number, and let a proxy pass requests on."
        return wrong(f"Port {port} can't be opened: {fault.strerror}.", advice)
    return fine(f"Port {port} is free.")


async def _of_public(url: str, api: PlatformApi, *, is_running: bool) -> Finding:
    """Ask our public address whether we answer there."""
    try:
        told = await _live(url.rstrip("/"), api)
    except SourceError as fault:
        said = f"{url} can't be reached from here: {str(fault).rstrip('.')}."
        if not is_running and isinstance(fault, NoConnection):
            return unknown(said, "Start the program, and run this again.")
        return wrong(said, "Check the name, the certificate and the proxy in front.")
    if _is_ours(told):
        return fine(f"{url} answers.")
    said = f"{url}/live answers with status {told.status}, and not as Countersign does."
    if told.location is not None:
        advice = f"It redirects to {urlsplit(told.location).netloc}. Set COUNTERSIGN_PUBLIC_URL to the final address."
    elif urlsplit(url).path.strip("/"):
        advice = f"The address has a path, {urlsplit(url).path}, which the proxy in front must strip."
    else:
        advice = "Let the proxy in front pass requests on to PORT."
    return wrong(said, advice) if is_running or told.status not in {502, 503, 504} else unknown(said, advice)


async def of_monitor(settings: Settings, poster: Poster) -> list[Finding]:
    """Return whether the operator's monitor has an address that we may use.

    It isn't pinged, because a ping says that a reading was good.
    """
    if settings.heartbeat_url is None:
        return []
    address = settings.heartbeat_url.get_secret_value()
    host = urlsplit(address).hostname or ""
    try:
        await poster.check(address)
    except Unsafe as fault:
        return [
            wrong(f"COUNTERSIGN_HEARTBEAT_URL can't be used: {fault}.", "Copy the address from your monitor again.")
        ]
    except (OSError, ValueError):
        return [unknown(f"The name of the monitor, {host}, can't be resolved.")]
    return [fine(f"{host} is pinged after each good reading.")]


async def _live(base: str, api: PlatformApi) -> Posted:
    """Ask whether we answer at an address. Our own clock isn't compared with itself."""
    return await api.poster.get(f"{base}/live", {}, cap=CAP)


def _is_ours(told: Posted) -> bool:
    return told.status == 200 and told.body == LIVE
