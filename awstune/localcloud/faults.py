"""The fault layer: rules strike calls on their way to moto, or their answers on the way back.

Behind the gate and before everything that answers, so that a rule can strike any call of any service.
It also counts calls, for tests that promise how few there are.
"""

from __future__ import annotations

import collections
import json
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from awstune.localcloud import answers, gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from awstune.localcloud.rules import Rule, Rules

_OURS = "awstune"


class Faults:
    """WSGI application that lets rules strike before and after ``app`` acts."""

    def __init__(self, app: WSGIApplication, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._calls: collections.Counter[str] = collections.Counter()
        self._own: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call, if no rule says otherwise."""
        scope = environ[gate.SCOPE]
        action, params = step(environ)
        with self._lock:
            self._calls[f"{scope.service}:{action}"] += 1
            if _OURS in environ.get("HTTP_USER_AGENT", ""):
                self._own.add(f"{scope.service}:{action}")
        rule = self._rules.take(scope.service, action, scope.region, params)
        return self._strike(rule, environ, start_response) if rule else self._app(environ, start_response)

    def calls(self) -> dict[str, int]:
        """How many calls there have been, by ``service:Action``, struck ones too."""
        with self._lock:
            return dict(self._calls)

    def own_calls(self) -> list[str]:
        """Which calls awstune itself has made, as ``service:Action``: its clients say who they are."""
        with self._lock:
            return sorted(self._own)

    def _strike(self, rule: Rule, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if rule.after_commit:
            commit(self._app, environ)
            self._rules.acted(rule)
        if rule.delay_s:
            self._rules.hold(rule)
        if rule.reset:
            reset(environ)
        if rule.error:
            message = rule.message or f"{rule.error}: a rule of the embedded cloud says so."
            return answers.error(environ, start_response, rule.status, rule.error, message)
        if rule.after_commit:
            reset(environ)
        return self._app(environ, start_response)


def step(environ: WSGIEnvironment) -> tuple[str, dict[str, str]]:
    """The action of a call and its parameters, flat, in whatever protocol it speaks."""
    body = environ[gate.BODY]
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rpartition(".")[2], _flat(json.loads(body or b"{}"))
    form = dict(parse_qsl(body.decode("utf-8", "replace"))) | dict(parse_qsl(environ.get("QUERY_STRING", "")))
    if "Action" in form:
        return form.pop("Action"), form
    return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '/')}", form


def _flat(document: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in document.items()}


def commit(app: WSGIApplication, environ: WSGIEnvironment) -> None:
    """Let ``app`` act, and drop its answer."""

    def ignore(*_: Any) -> Any:
        return lambda _data: None

    answer = app(environ, ignore)
    try:
        for _ in answer:
            pass
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()


def reset(environ: WSGIEnvironment) -> None:
    """Cut the connection as a broken network does: the client sees a reset, not an end.

    Raises:
        ConnectionResetError: always, which the server takes for a client that has gone.
    """
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
    raise ConnectionResetError("a rule of the embedded cloud cut this connection")
