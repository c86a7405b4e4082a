"""What the embedded cloud offers beside AWS's API, below ``/awstune/``: for tests and for `lifecycle`.

GET    /awstune/instances                 each with its state, checks, address, port, pid and folder
PUT    /awstune/instances/ID/ssh          {"accept": false}: its SSH port refuses
PUT    /awstune/instances/ID/metadata     {"PATH": "TEXT" or null}: what its metadata service answers
PUT    /awstune/instances/ID/spot-notice  {"after_s": 120}: notice now, the end then
PUT    /awstune/switches/NAME             {"on": true}: see `rules.SWITCHES`
GET    /awstune/rules                     those in force, with how often each has struck
POST   /awstune/rules                     {...}: see `rules.Rule`
DELETE /awstune/rules                     all of them
DELETE /awstune/rules/ID                  one
GET    /awstune/calls                     how many calls of AWS's API there were, by service:Action
GET    /awstune/own-calls                 which of them awstune itself has made
GET    /awstune/resources                 all that is there: what a leak would show in
PUT    /awstune/quotas/CODE               {"value": 0}
PUT    /awstune/simulated                 {"boot_s": [1, 5], ...}: see `simulated.Pace`
POST   /awstune/simulated                 {"seconds": 1}: so much time passes, where their pace is by_hand
DELETE /awstune/simulated                 new instances have processes again
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from awstune.localcloud import answers, gate, rules, simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from awstune.localcloud.faults import Faults
    from awstune.localcloud.lives import Lives
    from awstune.localcloud.quotas import Quotas

PREFIX = "/awstune/"
_MOTOS_OWN = "/moto-api"  # a reset there would forget instances whose processes live on


class Control:
    """WSGI application that answers below `PREFIX` and passes everything else on to ``app``."""

    def __init__(
        self,
        app: Faults,
        lives: Lives,
        faults: rules.Rules,
        quotas: Quotas,
        resources: Callable[[], list[dict[str, str]]],
    ) -> None:
        self._app = app
        self._lives = lives
        self._faults = faults
        self._quotas = quotas
        self._resources = resources
        self._simulator: simulated.Simulator | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(_MOTOS_OWN):
            return answers.document(start_response, {"message": "moto's own controls are closed"}, 404)
        if not path.startswith(PREFIX):
            return self._app(environ, start_response)
        words = [environ["REQUEST_METHOD"], *path.removeprefix(PREFIX).strip("/").split("/")]
        try:
            document = json.loads(environ[gate.BODY] or b"{}")
            return answers.document(start_response, self._answer(words, document))
        except LookupError as error:
            return answers.document(start_response, {"message": f"there is no {error}"}, 404)
        except (ValueError, TypeError) as error:
            return answers.document(start_response, {"message": str(error)}, 400)

    def _answer(self, words: list[str], document: dict[str, Any]) -> Any:
        match words:
            case ["GET", "instances"]:
                return self._lives.shown()
            case ["GET", "rules"]:
                return self._faults.shown()
            case ["GET", "resources"]:
                return self._resources()
            case ["GET", ("calls" | "own-calls") as which]:
                return self._app.calls() if which == "calls" else self._app.own_calls()
            case ["POST", "rules"]:
                return {"id": self._faults.add(rules.from_json(document)).id}
        self._change(words, document)
        return None

    def _change(self, words: list[str], document: dict[str, Any]) -> None:
        match words:
            case ["PUT", "instances", instance, "ssh"]:
                self._lives.order(instance, accept_ssh=bool(document["accept"]))
            case ["PUT", "instances", instance, "metadata"]:
                self._lives.order(instance, metadata=document)
            case ["PUT", "instances", instance, "spot-notice"]:
                self._lives.interrupt(instance, float(document["after_s"]))
            case ["PUT", "switches", name]:
                self._faults.switch(name, bool(document["on"]))
            case [verb, "simulated"]:
                self._simulate(verb, document)
            case ["PUT", "quotas", code]:
                self._quotas.set(code, float(document["value"]))
            case ["DELETE", "rules"]:
                self._faults.clear()
            case ["DELETE", "rules", rule]:
                self._faults.remove(rule)
            case _:
                raise LookupError("/".join(words[1:]))

    def _simulate(self, verb: str, document: dict[str, Any]) -> None:
        if verb == "PUT":
            self._simulator = simulated.Simulator(simulated.Pace.from_json(document))
            self._lives.use(self._simulator.make)
        elif verb == "POST" and self._simulator:
            self._simulator.advance(float(document["seconds"]))
        elif verb == "DELETE":
            self._simulator = None
            self._lives.use()
        else:
            raise LookupError("simulated")
