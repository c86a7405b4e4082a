"""One JSON POST when a sweep has ended, by whoever runs it.

The address may hold a secret: it comes in the environment of a worker, which takes it out before there
are trials, and it stands in no message.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from awstune.names import NOTIFY_VARIABLE
from awstune.sweeps.results import history, status
from awstune.sweeps.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from awstune.sweeps.folder import Folder

_ATTEMPTS, _BETWEEN_S, _TIMEOUT_S = 3, 1.0, 10.0
_TOO_MANY, _SERVERS_FAULT = 429, 500


def take(environ: MutableMapping[str, str]) -> str | None:
    """The address, taken out of the environment, so that no trial inherits it."""
    return environ.pop(NOTIFY_VARIABLE, None)


def headline(folder: Folder, error: str | None = None) -> dict[str, Any]:
    """What is posted: ``{sweep, state, metric, mode, best, trials, usd_so_far, error, text}``.

    Args:
        folder: the sweep's; nobody writes to its journal any more.
        error: why the sweep could not go on, where that is so.

    Returns:
        ``usd_so_far`` is None where nobody knows the machine's price; ``text`` says it all in a line, as
        chat services show it.
    """
    spec, now = Spec.read(folder.spec_file), status(folder, time.time(), running=False)
    rate, spent_s = spec.options.get("usd_per_hour"), history(folder).spent_s
    return {
        "sweep": folder.name,
        "state": now["state"],
        "metric": spec.metric,
        "mode": spec.mode,
        "best": now["best"],
        "trials": now["trials"],
        "usd_so_far": None if rate is None else round(spent_s / 3600 * rate, 4),
        "error": error,
        "text": _in_a_line(folder.name, spec.metric, now, error),
    }


def _in_a_line(name: str, metric: str | None, now: dict[str, Any], error: str | None) -> str:
    said = f"{name}: {now['state']}{f' ({error})' if error else ''}"
    best = now["best"]
    if best is None:
        return f"{said}, no trial has succeeded"
    params = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in best["params"].items()
    )
    return f"{said}, best {metric} {best['value']:.4g} (trial {best['trial']}: {params})"


def post(
    url: str, folder: Folder, error: str | None = None, *, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Posts the headline; tries again a little.

    Args:
        url: where to.
        folder: the sweep's.
        error: see `headline`.
        sleep: waits so many seconds.

    Returns:
        None, or in words why nobody took it; without the address, of which only the host is named.
    """
    body = json.dumps(headline(folder, error)).encode()
    why = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            sleep(_BETWEEN_S * 2 ** (attempt - 1))  # what did not answer gets time to come back
        why, again = _once(url, body)
        if not why:
            return None
        if not again:
            break
    return f"{urlsplit(url).hostname} was not notified of the end of {folder.name}: {why}"


def _once(url: str, body: bytes) -> tuple[str, bool]:
    """Why it was not taken (empty where it was), and whether another attempt may help."""
    headers = {"Content-Type": "application/json", "User-Agent": "awstune"}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  # http or https: it was checked when it was typed
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310  # http or https, as above
            return "", False
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code}", error.code == _TOO_MANY or error.code >= _SERVERS_FAULT
    except urllib.error.URLError as error:
        return _words(error.reason), True
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _words(error), True


def _words(reason: object) -> str:
    # Not str(): some of these name the address.
    return getattr(reason, "strerror", None) or type(reason).__name__
