"""Which state follows which event, with processes that are only said to be there."""

import threading
from pathlib import Path

import pytest

from awstune.localcloud import lives as states
from awstune.localcloud.lives import Lives
from awstune.localcloud.machine import Spec
from awstune.localcloud.rules import Rule, Rules
from tests.waiting import PATIENCE_S, until


class Process:
    """Stands for an instance's process: it tells what the test wants it to."""

    def __init__(self, spec, tell):
        self.spec, self._tell = spec, tell
        self.pid = 1
        self.ended = threading.Event()
        self.orders = []

    def says(self, event, **words):
        """Tell an event."""
        self._tell(self, {"event": event, **words})

    def order(self, **order):
        """Keep an order."""
        self.orders.append(order)

    def end(self):
        """Be ended."""
        self.ended.set()


class Body:
    """Stands for the cloud's record of an instance."""

    def __init__(self, *, terminates=False):
        self.id, self.region, self.shutdown_terminates = "i-1", "us-east-1", terminates
        self.history = [states.PENDING]
        self.reason = None
        self.calls = []
        self.changed = threading.Condition()
        self.forgotten = threading.Event()

    @property
    def state(self):
        """The newest state."""
        return self.history[-1]

    def spec(self, folder, *, accept_ssh):
        """What a process starts with."""
        return Spec(self.id, str(folder), "127.0.0.9", "host", None, None, accept_ssh)

    def facts(self):
        """By what rules tell it."""
        return {"InstanceType": "p2.xlarge"}

    def enter(self, state, reason=None):
        """Be in a state."""
        with self.changed:
            self.history.append(state)
            self.reason = reason
            self.changed.notify_all()

    def reaches(self, state):
        """Wait for a state."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.state == state, PATIENCE_S), self.history

    def connect(self):
        """Keep the call."""
        self.calls.append("connect")

    def disconnect(self):
        """Keep the call."""
        self.calls.append("disconnect")

    def release(self):
        """Keep the call."""
        self.calls.append("release")

    def forget(self):
        """Tell who waits for it."""
        self.forgotten.set()

    def listen_at(self, port):
        """Keep the port."""
        self.calls.append(port)


class World:
    """Lives with such processes."""

    def __init__(self, folder, forget_after_s=3600.0):
        self.rules = Rules()
        self.started = []
        self.lives = Lives(folder, self.rules, self.make, forget_after_s)

    def make(self, spec, tell):
        """A process that is only said to be there."""
        Path(spec.folder).mkdir(parents=True, exist_ok=True)
        self.started.append(Process(spec, tell))
        return self.started[-1]

    def launch(self, **wishes):
        """An instance that is pending."""
        body = Body(**wishes)
        self.lives.launch(body)
        return body, self.started[-1]

    def run(self, **wishes):
        """An instance that has passed its checks."""
        body, process = self.launch(**wishes)
        process.says("listening", port=2222)
        process.says("ready")
        return body, process


@pytest.fixture
def world(tmp_path):
    """Lives in a folder of their own."""
    return World(tmp_path)


def test_running_follows_listening_and_ok_follows_ready(world):
    """The port is told before the state, and the checks pass last."""
    body, process = world.launch()
    assert (body.state, world.lives.checks(body)) == (states.PENDING, "not-applicable")
    process.says("listening", port=2222)
    assert (body.state, body.calls) == (states.RUNNING, [2222])
    assert world.lives.checks(body) == "initializing"
    process.says("ready")
    assert world.lives.checks(body) == "ok"


def test_terminate(world, tmp_path):
    """The process ends first, then what it held is given back, then it is terminated, with its reason."""
    body, process = world.run()
    world.lives.terminate(body)
    body.reaches(states.TERMINATED)
    assert process.ended.is_set()
    assert body.history[-2:] == [states.SHUTTING_DOWN, states.TERMINATED]
    assert body.calls[-1] == "release"
    assert body.reason == states.BY_USER
    assert not (tmp_path / "i-1").exists()
    world.lives.terminate(body)
    assert body.history.count(states.SHUTTING_DOWN) == 1


def test_stop_then_start(world):
    """A stopped instance gives its address back and gets another one with a new process."""
    body, process = world.run()
    world.lives.stop(body)
    body.reaches(states.STOPPED)
    assert process.ended.is_set()
    assert body.calls[-1] == "disconnect"
    world.lives.start(body)
    assert body.calls[-1] == "connect"
    assert body.state == states.PENDING
    world.started[-1].says("listening", port=3333)
    assert body.state == states.RUNNING
    assert world.lives.checks(body) == "initializing"


def test_terminate_while_it_stops(world):
    """Whoever terminates a stopping instance wins."""
    body, _ = world.run()
    world.lives.stop(body)
    world.lives.terminate(body)
    body.reaches(states.TERMINATED)
    assert states.STOPPED not in body.history[body.history.index(states.SHUTTING_DOWN) :]


@pytest.mark.parametrize(("terminates", "end"), [(False, states.STOPPED), (True, states.TERMINATED)])
def test_shutdown_from_inside(world, terminates, end):
    """It stops or terminates, as was wished at launch, and the reason tells it from a user's."""
    body, process = world.run(terminates=terminates)
    process.says("shutdown")
    body.reaches(end)
    assert body.reason == states.FROM_INSIDE


def test_a_process_that_ends_before_it_listens(world):
    """An instance that cannot come up is terminated, and never runs."""
    body, process = world.launch()
    process.says("gone")
    body.reaches(states.TERMINATED)
    assert states.RUNNING not in body.history
    assert body.reason == states.INTERNAL_ERROR


def test_a_process_that_ends_while_it_runs(world):
    """A silent host is a running instance with impaired checks."""
    body, process = world.run()
    process.says("gone")
    assert (body.state, world.lives.checks(body)) == (states.RUNNING, "impaired")


def test_words_of_an_earlier_process_are_not_heard(world):
    """After a stop, the old process's end changes nothing."""
    body, process = world.run()
    world.lives.stop(body)
    body.reaches(states.STOPPED)
    world.lives.start(body)
    process.says("gone")
    process.says("listening", port=1)
    assert body.state == states.PENDING


def test_a_reboot_keeps_the_state(world):
    """Another process, the same state, and the checks begin again."""
    body, process = world.run()
    world.lives.reboot(body)
    assert process.ended.wait(PATIENCE_S)
    until(lambda: len(world.started) == 2, "the next process")
    world.started[-1].says("listening", port=4444)
    assert body.state == states.RUNNING
    assert body.calls[-1] == 4444
    assert world.lives.checks(body) == "initializing"


def test_a_rule_on_boot_kills_only_so_many(world):
    """Death during the wait can strike the first instance and spare the second."""
    world.rules.add(Rule(service="instance", action="boot", error="Server.InternalError", times=1))
    first, process = world.launch()
    process.says("listening", port=1)
    first.reaches(states.TERMINATED)
    second, process = world.launch()
    process.says("listening", port=1)
    assert second.state == states.RUNNING


def test_a_step_is_held_for_as_long_as_its_rule_is_in_force(world):
    """However long a delay is, what it holds goes on when its rule is taken away."""
    held = world.rules.add(Rule(service="instance", action="ready", delay_s=600.0))
    body, _ = world.run()
    assert world.lives.checks(body) == "initializing"
    world.rules.remove(held.id)
    until(lambda: world.lives.checks(body) == "ok", "the checks to pass")


def test_who_is_ended_before_it_boots_has_no_process(world):
    """An instance that is terminated while it is being started stays so, and nothing of it runs."""

    class Doomed(Body):
        def spec(self, folder, **wishes):
            world.lives.terminate(self)
            self.reaches(states.TERMINATED)
            return super().spec(folder, **wishes)

    body = Doomed()
    world.lives.launch(body)
    assert (body.state, world.started) == (states.TERMINATED, [])


def test_a_rule_on_checks_strikes_each_look(world):
    """Impaired checks may get better."""
    world.rules.add(Rule(service="instance", action="checks", times=2))
    body, _ = world.run()
    assert [world.lives.checks(body) for _ in range(3)] == ["impaired", "impaired", "ok"]


def test_a_rule_on_ssh(world):
    """The process is told not to accept."""
    world.rules.switch("refuse-ssh", True)
    _, process = world.launch()
    assert process.spec.accept_ssh is False


def test_close_ends_all(world):
    """Closing ends every process, and nothing that they say is heard any more."""
    body, process = world.run()
    world.lives.close()
    assert process.ended.is_set()
    process.says("gone")
    assert body.state == states.RUNNING


def test_orders_reach_the_process(world):
    """An order for an unknown instance is an error."""
    _, process = world.run()
    world.lives.order("i-1", accept_ssh=False)
    assert process.orders == [{"accept_ssh": False}]
    with pytest.raises(KeyError):
        world.lives.order("i-2", accept_ssh=False)


def test_a_terminated_instance_is_forgotten_later(tmp_path):
    """It is shown for a while, and then no more."""
    world = World(tmp_path, forget_after_s=0.05)
    body, _ = world.run()
    world.lives.terminate(body)
    assert body.forgotten.wait(PATIENCE_S)
    assert world.lives.shown() == []


def test_spot_notice(world):
    """The notice goes to the process at once, and the end comes later with its reason."""
    body, process = world.run()
    world.lives.interrupt("i-1", 0.05)
    assert "terminate" in process.orders[0]["metadata"]["spot/instance-action"]
    body.reaches(states.TERMINATED)
    assert body.reason == states.SPOT


def test_the_console_is_the_end_of_what_was_said(world, tmp_path):
    """As much as AWS keeps; nothing where nothing was said."""
    assert world.lives.console("i-1") == b""
    world.run()
    (tmp_path / "i-1" / "console.log").write_bytes(b"x" * 70000 + b"end")
    assert len(world.lives.console("i-1")) == 65536
    assert world.lives.console("i-1").endswith(b"end")


def test_a_rule_may_strike_one_check(world):
    """System and instance checks can differ; looking from beside the API uses no rule up."""
    world.rules.add(Rule(service="instance", action="checks", params={"Check": "system"}, times=1))
    body, _ = world.run()
    assert world.lives.shown()[0]["checks"] == "ok"
    assert world.lives.checks(body, "instance") == "ok"
    assert world.lives.checks(body, "system") == "impaired"
    assert world.lives.checks(body, "system") == "ok"


def test_an_instance_that_no_process_can_be_made_for(tmp_path):
    """It ends with AWS's internal error, and leaves nothing."""

    def make(*_):
        raise OSError("no process")

    lives, body = Lives(tmp_path, Rules(), make), Body()
    lives.launch(body)
    body.reaches(states.TERMINATED)
    assert body.reason == states.INTERNAL_ERROR
    assert body.calls == ["release"]
