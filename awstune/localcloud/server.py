"""The embedded cloud's own process: ``python -m awstune.localcloud.server HOME``.

Started by `lifecycle`, it says ``ready`` on its standard output once it answers, and ends, with
everything it has started, when it gets SIGTERM.
"""

from __future__ import annotations

import functools
import logging
import os
import secrets
import select
import signal
import sys
import threading
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from awstune.localcloud import processes, state
from awstune.names import S3_ENDPOINT_VARIABLE

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from werkzeug.serving import BaseWSGIServer

    from awstune.localcloud.gate import Keys
    from awstune.localcloud.lives import Lives
    from awstune.localcloud.quotas import Quotas
    from awstune.localcloud.rules import Rules

HOST = "127.0.0.1"
_POLL_S = 0.02  # how soon the HTTP loop notices that it shall end


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM. ``argv`` is ``[HOME]``."""
    home = Path((argv or sys.argv[1:])[0])
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    places = state.Places(home)
    _set_up_moto()
    server, lives = _serve(places)
    _say_ready()
    ended.wait()
    server.shutdown()
    lives.close()


def _set_up_moto() -> None:
    """Choose moto's options: it reads them when it is imported, so this comes first."""
    images = resources.files("awstune.localcloud").joinpath("images.json")
    os.environ |= {
        "MOTO_AMIS_PATH": str(images),
        "MOTO_ACCOUNT_ID": state.ACCOUNT,
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    }


def _serve(places: state.Places) -> tuple[BaseWSGIServer, Lives]:
    from awstune.localcloud import gate, moto_layer, profile, schedules
    from awstune.localcloud.clock import Clock
    from awstune.localcloud.lives import Lives
    from awstune.localcloud.quotas import Quotas
    from awstune.localcloud.rules import Rules

    rules, quotas = Rules(), Quotas()
    keys = gate.Keys(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(32))
    lives = Lives(places.instances, rules, profile.making(keys))
    moto_layer.install(lives, quotas)
    schedules.keep(Clock(), state.ACCOUNT)
    server = _listen(_behind_the_gate(lives, rules, quotas), keys)
    # As any of AWS's tools finds it: what an instance writes to a bucket it writes to this cloud's.
    os.environ[S3_ENDPOINT_VARIABLE] = f"http://{HOST}:{server.server_port}"
    _leave_unwanted()
    state.write(places, _cloud(server.server_port, keys))
    return server, lives


def _behind_the_gate(lives: Lives, rules: Rules, quotas: Quotas) -> WSGIApplication:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from awstune.localcloud import control, faults, front, resources

    moto = DomainDispatcherApplication(create_backend_app)
    struck = faults.Faults(front.Front(moto, quotas, state.ACCOUNT), rules)
    there = functools.partial(resources.resources, state.ACCOUNT)
    return control.Control(struck, lives, rules, quotas, there)


def _cloud(port: int, keys: Keys) -> state.LocalCloud:
    return state.LocalCloud(
        endpoint_url=f"http://{HOST}:{port}",
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        pid=os.getpid(),
        born=processes.born(os.getpid()) or "",
    )


def _listen(behind: WSGIApplication, keys: Keys) -> BaseWSGIServer:
    from werkzeug.serving import make_server

    from awstune.localcloud import gate

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(HOST, 0, behind, threaded=True)
    port = server.server_port
    # Nobody is served before the loop below begins, so nobody ever meets the ungated application.
    server.app = gate.Gate(behind, keys, frozenset({f"{HOST}:{port}", f"localhost:{port}"}))
    threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="http", daemon=True).start()
    return server


def _leave_unwanted() -> None:
    """Whoever started this was killed meanwhile: its place may be another server's by now."""
    poller = select.poll()
    poller.register(1, 0)  # errors are told unasked: the other end of the pipe is closed
    if poller.poll(0):
        sys.exit("nobody waits for this server any more")


def _say_ready() -> None:
    os.write(1, b"ready\n")
    # Whoever started this is about to close the other end: from here on, words go to the log.
    os.dup2(2, 1)


if __name__ == "__main__":
    main()
