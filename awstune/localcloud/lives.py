"""The lives of the embedded cloud's instances: which state follows which event.

pending -> (its SSH server listens) -> running, checks initializing -> (cloud-init is done) -> checks
ok; stopping -> (every process is gone) -> stopped; shutting-down -> terminated. Nothing here happens
because time has passed: an instance that fails to start never runs, one that hangs never passes.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from awstune.localcloud import machine as machines
from awstune.localcloud import metadata, rules
from awstune.localcloud.clock import Clock
from awstune.localcloud.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

PENDING = "pending"
RUNNING = "running"
STOPPING = "stopping"
STOPPED = "stopped"
SHUTTING_DOWN = "shutting-down"
TERMINATED = "terminated"
_CONSOLE_BYTES = 64 * 1024  # as much as AWS keeps
_ENDED = (SHUTTING_DOWN, TERMINATED)


@dataclass(frozen=True)
class Reason:
    """Why an instance is not running, as ``StateReason`` says it."""

    code: str
    message: str


BY_USER = Reason("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
FROM_INSIDE = Reason(
    "Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
)
INTERNAL_ERROR = Reason("Server.InternalError", "Server.InternalError: Internal error on launch")
SPOT = Reason("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")


class Body(Protocol):
    """What the cloud's records know of one instance, and how they are changed."""

    @property
    def id(self) -> str:
        """The instance's id."""

    @property
    def region(self) -> str:
        """Where it was launched."""

    @property
    def state(self) -> str:
        """One of the state names above."""

    @property
    def shutdown_terminates(self) -> bool:
        """What a shutdown from inside does: end it for good (else stop it)."""

    def spec(self, folder: Path, *, accept_ssh: bool) -> machines.Spec:
        """What to start its process with."""

    def facts(self) -> dict[str, str]:
        """By what fault rules tell instances apart."""

    def enter(self, state: str, reason: Reason | None = None) -> None:
        """Show this state from now on."""

    def connect(self) -> None:
        """Get a public address."""

    def disconnect(self) -> None:
        """Give the public address back."""

    def release(self) -> None:
        """Give back network interfaces and volumes, for good."""

    def listen_at(self, port: int) -> None:
        """Say where its SSH server listens."""

    def forget(self) -> None:
        """Be shown no more."""


class Host(Protocol):
    """What an instance runs on: a `machine.Machine`, or something that only seems to be one."""

    spec: machines.Spec

    @property
    def pid(self) -> int:
        """Of its process."""

    def order(self, **order: Any) -> None:
        """Change something about it."""

    def end(self) -> None:
        """End it; returns when nothing of it is left."""


Tell = Callable[[Any, dict[str, Any]], None]
Make = Callable[[machines.Spec, Tell], Host]


@dataclass
class _Life:
    body: Body
    machine: Host | None = None
    port: int = 0
    ready_at: float | None = None
    silent: bool = False


class Lives:
    """Every instance's life.

    Args:
        folder: where each instance gets a folder of its own.
        faults: the rules of what goes wrong.
        make: starts an instance's process.
        forget_after_s: how long a terminated instance is still shown; about an hour at AWS.
    """

    def __init__(
        self, folder: Path, faults: rules.Rules, make: Make = Machine, forget_after_s: float = 3600.0
    ) -> None:
        self._folder = folder
        self._faults = faults
        self._make = make
        self._forget_after_s = forget_after_s
        self._clock = Clock()
        self._lives: dict[str, _Life] = {}
        self._lock = threading.RLock()

    def use(self, make: Make = Machine) -> None:
        """Start instances from now on with ``make``."""
        self._make = make

    def launch(self, body: Body) -> None:
        """Begin the life of an instance that is pending."""
        with self._lock:
            self._lives[body.id] = _Life(body)
        self._boot(body)

    def start(self, body: Body) -> None:
        """Start a stopped instance again, with the same disk."""
        with self._lock:
            body.connect()
            body.enter(PENDING)
        self._boot(body)

    def stop(self, body: Body, reason: Reason = BY_USER) -> None:
        """Stop a running instance; its disk stays."""
        with self._lock:
            if body.state != RUNNING:
                return
            body.enter(STOPPING, reason)
        self._later(self._finish_stop, body, reason)

    def terminate(self, body: Body, reason: Reason = BY_USER) -> None:
        """End an instance for good. One that is ended already stays as it is."""
        with self._lock:
            if body.state in _ENDED:
                return
            body.enter(SHUTTING_DOWN, reason)
        self._later(self._finish_terminate, body, reason)

    def reboot(self, body: Body) -> None:
        """End the processes of a running instance and boot it again; its state stays ``running``."""
        if body.state == RUNNING:
            self._later(self._finish_reboot, body)

    def checks(self, body: Body, check: str = "instance") -> str:
        """The status of one of its checks: not-applicable, initializing, ok or impaired.

        Args:
            body: the instance.
            check: which (``instance``, ``system`` or ``ebs``); fault rules know it as ``Check``.
        """
        status = self._checks(body)
        struck = status == "ok" and self._take(rules.CHECKS, body, Check=check) is not None
        return "impaired" if struck else status

    def _checks(self, body: Body) -> str:
        if body.state != RUNNING:
            return "not-applicable"
        with self._lock:
            life = self._lives[body.id]
            if life.silent:
                return "impaired"
            return "ok" if life.ready_at is not None else "initializing"

    def shown(self) -> list[dict[str, Any]]:
        """All instances as JSON, for whoever asks this cloud beside AWS's API."""
        with self._lock:
            return [self._show(life) for life in self._lives.values()]

    def console(self, instance_id: str) -> bytes:
        """The end of what the instance has said on its console; nothing where it has none."""
        log = self._folder / instance_id / "console.log"
        return log.read_bytes()[-_CONSOLE_BYTES:] if log.exists() else b""

    def order(self, instance_id: str, **order: Any) -> None:
        """Tell an instance's process something.

        Raises:
            KeyError: no such instance has a process.
        """
        with self._lock:
            life = self._lives.get(instance_id)
        if life is None or life.machine is None:
            raise KeyError(instance_id)
        life.machine.order(**order)

    def interrupt(self, instance_id: str, after_s: float) -> None:
        """Give a spot instance notice, and terminate it when the time has passed.

        Raises:
            KeyError: there is no such instance.
        """
        ends = datetime.now(UTC) + timedelta(seconds=after_s)
        notice = json.dumps({"action": "terminate", "time": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
        self.order(instance_id, metadata={metadata.SPOT_NOTICE: notice})
        with self._lock:
            body = self._lives[instance_id].body
        self._clock.after(after_s, lambda: self.terminate(body, SPOT))

    def close(self) -> None:
        """End every process of every instance, all at once; returns when they are gone."""
        with self._lock:
            machines = [life.machine for life in self._lives.values() if life.machine]
            self._lives = {}
        if machines:
            with ThreadPoolExecutor(max_workers=min(32, len(machines))) as pool:
                list(pool.map(lambda machine: machine.end(), machines))

    def _boot(self, body: Body) -> None:
        accept = self._take(rules.SSH, body) is None
        runs = self._take(rules.RUNCMD, body) is None
        spec = body.spec(self._folder / body.id, accept_ssh=accept)
        with self._lock:
            if body.state not in (PENDING, RUNNING):
                return  # somebody has ended it meanwhile
            life = self._lives[body.id]
            life.ready_at, life.silent = None, False
            try:
                spec = replace(spec, port=life.port, runcmd=runs)
                life.machine = self._make(spec, partial(self._on_event, body))
            except OSError:  # no process, no memory, no disk: what AWS calls its internal error
                _log.exception("%s cannot be started", body.id)
                self.terminate(body, INTERNAL_ERROR)

    def _take(self, action: str, body: Body, **facts: str) -> rules.Rule | None:
        if not self._faults.any_of(rules.INSTANCE):  # most of the time nobody needs an instance's facts
            return None
        return self._faults.take(rules.INSTANCE, action, body.region, body.facts() | facts)

    def _on_event(self, body: Body, machine: Host, event: dict[str, Any]) -> None:
        with self._lock:
            life = self._lives.get(body.id)
            if life is None or life.machine is not machine:
                return
            match event["event"]:
                case machines.LISTENING:
                    life.port = event["port"]
                    self._when_allowed(rules.BOOT, life, machine, self._on_listening)
                case machines.READY:
                    self._when_allowed(rules.READY, life, machine, self._on_ready)
                case machines.SHUTDOWN:
                    self._on_shutdown(body, event.get("reboot", False))
                case machines.GONE:
                    self._on_gone(life)

    def _when_allowed(
        self, action: str, life: _Life, machine: Host, then: Callable[[_Life, rules.Rule | None], None]
    ) -> None:
        """Go on at once, or as much later as a rule says that is in force for so long."""
        rule = self._take(action, life.body)
        if rule is None or not rule.delay_s:
            then(life, rule)
        else:
            self._later(self._held, rule, life, machine, then)

    def _held(
        self, rule: rules.Rule, life: _Life, machine: Host, then: Callable[[_Life, rules.Rule | None], None]
    ) -> None:
        self._faults.hold(rule)
        with self._lock:
            if life.machine is machine:
                then(life, rule)

    def _on_listening(self, life: _Life, rule: rules.Rule | None) -> None:
        if life.body.state == RUNNING:  # it was rebooted
            life.body.listen_at(life.port)
        elif life.body.state == PENDING and rule is not None and rule.error:
            self.terminate(life.body, Reason(rule.error, rule.message or INTERNAL_ERROR.message))
        elif life.body.state == PENDING:
            life.body.listen_at(life.port)
            life.body.enter(RUNNING)

    def _on_ready(self, life: _Life, _rule: rules.Rule | None) -> None:
        life.ready_at = time.time()

    def _on_shutdown(self, body: Body, reboot: bool) -> None:
        if reboot:
            self.reboot(body)
        elif body.shutdown_terminates:
            self.terminate(body, FROM_INSIDE)
        else:
            self.stop(body, FROM_INSIDE)

    def _on_gone(self, life: _Life) -> None:
        if life.body.state == PENDING:
            self.terminate(life.body, INTERNAL_ERROR)
        elif life.body.state == RUNNING:
            life.silent = True

    def _later(self, finish: Callable[..., None], *words: Any) -> None:
        threading.Thread(target=finish, args=words, daemon=True).start()

    def _finish_stop(self, body: Body, reason: Reason) -> None:
        self._end(body)
        with self._lock:
            if body.state == STOPPING:
                body.disconnect()
                body.enter(STOPPED, reason)

    def _finish_terminate(self, body: Body, reason: Reason) -> None:
        self._end(body)
        shutil.rmtree(self._folder / body.id, ignore_errors=True)
        with self._lock:
            try:
                body.release()
            finally:
                body.enter(TERMINATED, reason)
        self._clock.after(self._forget_after_s, lambda: self._forget(body))

    def _forget(self, body: Body) -> None:
        with self._lock:
            self._lives.pop(body.id, None)
            body.forget()

    def _finish_reboot(self, body: Body) -> None:
        self._end(body)
        if body.state == RUNNING:
            self._boot(body)

    def _end(self, body: Body) -> None:
        with self._lock:
            life = self._lives.get(body.id)
            machine = life.machine if life else None
            if life is not None:
                life.machine = None
        if machine is not None:
            machine.end()

    def _show(self, life: _Life) -> dict[str, Any]:
        body = life.body
        machine = life.machine
        spec = machine.spec if machine else None
        return {
            "id": body.id,
            "state": body.state,
            "checks": self._checks(body),
            "ready_at": life.ready_at,
            "region": body.region,
            "address": spec.address if spec else None,
            "ssh_port": life.port if machine else None,
            "pid": machine.pid if machine else None,
            "folder": str(self._folder / body.id),
        }
