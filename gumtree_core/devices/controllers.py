"""Connections to hardware, by URI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, urlsplit

from gumtree_core.devices.protocols import Controller
from gumtree_core.errors import GumtreeError


def connect(uri: str) -> Controller:
    """The controller behind a URI.

    Parameters
    ----------
    uri
        ``tcp://HOST:PORT``, a `gumtree-simulator`; ``simulated:sans?seed=1&speed=10``, the same instrument
        inside this process, one world for each URI.

    Raises
    ------
    GumtreeError
        CONTROLLER_INVALID for a URI that cannot be understood. That the hardware is there is not checked.
    """
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES:
        raise _invalid(uri, f"known kinds are {', '.join(SCHEMES)}")
    return SCHEMES[parts.scheme](uri, parts)


def _tcp(uri: str, parts: SplitResult) -> Controller:
    from gumtree_core.simulation.client import LinkController

    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _invalid(uri, "the port is a number up to 65535") from None
    if not host or not port:
        raise _invalid(uri, "it must be tcp://HOST:PORT")
    return LinkController(host, port)


def _simulated(uri: str, parts: SplitResult) -> Controller:
    from gumtree_core.simulation.clock import RunningClock
    from gumtree_core.simulation.world import World

    if parts.path != "sans":
        raise _invalid(uri, "the simulated instruments are sans")
    options = {"seed": "1", "speed": "1", **dict(parse_qsl(parts.query))}
    if options.keys() != {"seed", "speed"}:
        raise _invalid(uri, "its options are seed and speed")
    try:
        seed, speed = int(options["seed"]), float(options["speed"])
    except ValueError:
        raise _invalid(uri, "seed is a whole number and speed a number") from None
    with _lock:
        if uri not in _worlds:
            _worlds[uri] = World(seed, RunningClock(speed))
        return _worlds[uri]


def _invalid(uri: str, help: str) -> GumtreeError:
    return GumtreeError("CONTROLLER_INVALID", f"No controller can be reached by {uri!r}: {help}.")


_worlds: dict[str, Controller] = {}
_lock = Lock()

SCHEMES: Mapping[str, Callable[[str, SplitResult], Controller]] = MappingProxyType(
    {"tcp": _tcp, "simulated": _simulated}
)
"""How each scheme of URI is connected; a new kind of controller is an entry here."""
