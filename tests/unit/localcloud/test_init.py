"""systemctl, shutdown and cloud-init, as an instance's shims get them answered."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from awstune.localcloud import init, shim, units

TIMER = "[Timer]\nOnBootSec=0\nOnUnitActiveSec=0.01\n"
SERVICE = "[Service]\nExecStart=/opt/look now\n"


class Children:
    """Keeps what it is told to run."""

    def __init__(self):
        self.ran = asyncio.Queue()

    async def run(self, words, *_):
        """Say that it ran."""
        await self.ran.put(words)
        return 0


class World:
    """An instance's first process, with events and reloads kept."""

    def __init__(self, root):
        self.root = root
        self.children, self.events, self.reloads = Children(), [], []
        self.init = init.Init(root, self.children, self.events.append, lambda: self.reloads.append(1))

    def unit(self, name, text):
        """Write a unit's file."""
        path = self.root / units.FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def call(self, *words):
        """(status, output) of a command."""
        answer = await self.init._answer(list(words))
        return answer["status"], answer["out"]


@pytest.fixture
def world(tmp_path):
    """Commands by themselves."""
    return World(tmp_path)


def test_an_enabled_timer_runs_its_service_again_and_again(world):
    """`enable --now` starts it, and it keeps its time until it is stopped."""
    world.unit("g.timer", TIMER)
    world.unit("g.service", SERVICE)

    async def story():
        assert await world.call("systemctl", "enable", "--now", "g.timer") == (0, "")
        runs = [await world.children.ran.get() for _ in range(3)]
        active = await world.call("systemctl", "is-active", "g.timer")
        enabled = await world.call("systemctl", "is-enabled", "g.timer")
        await world.call("systemctl", "disable", "--now", "g.timer")
        return runs, active, enabled, await world.call("systemctl", "is-active", "g.timer")

    runs, active, enabled, after = asyncio.run(story())
    assert runs == [("/opt/look", "now")] * 3
    assert active == (0, "active\n")
    assert enabled == (0, "enabled\n")
    assert after == (3, "")


def test_what_was_enabled_starts_at_the_next_boot(world):
    """Enabling without --now waits for a boot."""
    world.unit("g.timer", TIMER)
    world.unit("g.service", SERVICE)

    async def story():
        await world.call("systemctl", "enable", "g.timer")
        assert await world.call("systemctl", "is-active", "g.timer") == (3, "")
        await world.init.start_enabled()
        return await world.children.ran.get()

    assert asyncio.run(story()) == ("/opt/look", "now")


def test_a_service_is_started_by_itself(world):
    """`start` runs a service once; the suffix may be left out."""
    world.unit("g.service", SERVICE)

    async def story():
        await world.call("systemctl", "start", "g")
        return await world.children.ran.get()

    assert asyncio.run(story()) == ("/opt/look", "now")


@pytest.mark.parametrize("verb", ["stop", "disable", "mask", "enable", "start", "daemon-reload"])
def test_units_of_the_image_are_left_alone(world, verb):
    """What a real image has and this one has not can be stopped and started without an error."""
    assert asyncio.run(world.call("systemctl", verb, "--no-block", "apt-daily.timer")) == (0, "")


@pytest.mark.parametrize("verb", ["reload", "restart", "reload-or-restart"])
def test_ssh_takes_new_keys(world, verb):
    """Reloading ssh is reading its host keys again."""
    assert asyncio.run(world.call("systemctl", verb, "ssh")) == (0, "")
    assert world.reloads == [1]
    assert asyncio.run(world.call("systemctl", "is-active", "ssh.service")) == (0, "active\n")


@pytest.mark.parametrize(
    ("words", "reboot"),
    [
        (("shutdown", "-h", "now"), False),
        (("shutdown", "-P", "+0"), False),
        (("shutdown", "-r", "now"), True),
        (("poweroff",), False),
        (("halt",), False),
        (("reboot",), True),
        (("systemctl", "poweroff"), False),
        (("systemctl", "reboot"), True),
    ],
)
def test_ways_to_shut_down(world, words, reboot):
    """Each of them tells the cloud, and whether it shall boot again."""

    async def story():
        await world.call(*words)
        await asyncio.sleep(0)  # a turn for the task that tells the cloud
        await asyncio.sleep(0)  # and one for what it tells

    asyncio.run(story())
    assert world.events == [{"event": "shutdown", "reboot": reboot}]


def test_a_planned_shutdown_is_taken_back(world):
    """`shutdown +5` tells nothing yet, and `shutdown -c` takes it back."""

    async def story():
        await world.call("shutdown", "-h", "+5")
        assert world.init._shutdown is not None
        await world.call("shutdown", "-c")
        assert world.init._shutdown is None

    asyncio.run(story())
    assert world.events == []


def test_cloud_init_waits(world):
    """`cloud-init status --wait` answers when it is done, and without --wait at once."""

    async def story():
        assert await world.call("cloud-init", "status") == (0, "status: running\n")
        waiting = asyncio.create_task(world.call("cloud-init", "status", "--wait"))
        await asyncio.sleep(0)  # a turn for it to begin
        assert not waiting.done()
        world.init.finished.set()
        return await waiting

    assert asyncio.run(story()) == (0, "status: done\n")


def test_the_shim_asks_and_ends_with_the_answers_status(world, tmp_path, monkeypatch):
    """A shim's output and exit status are the answer's, over a socket in a folder of any depth."""
    folder = tmp_path / ("deep" * 20) / ("down" * 20)
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    async def story():
        server = await world.init.listen(folder)
        words = [sys.executable, "-I", "-S", shim.__file__, str(folder)]
        results = []
        for command in (["cloud-init", "status"], ["systemctl", "is-active", "none.timer"]):
            pipe = asyncio.subprocess.PIPE
            asked = await asyncio.create_subprocess_exec(*words, *command, stdout=pipe, stderr=pipe)
            out, err = await asked.communicate()
            results.append((asked.returncode, out.decode(), err.decode()))
        server.close()
        return results

    done, inactive = asyncio.run(story())
    assert done == (0, "status: running\n", "")
    assert inactive == (3, "", "systemctl: none.timer is inactive\n")
    assert not Path(folder, init.surroundings.SOCKET).is_file()


def test_a_shim_without_an_instance_fails(tmp_path):
    """Where nobody listens the command fails; it does not do the laptop's work instead."""
    words = [sys.executable, "-I", "-S", shim.__file__, str(tmp_path), "shutdown", "-h", "now"]
    assert subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_answers_are_lines_of_json(world):
    """What the socket carries can be read by anything."""
    answer = asyncio.run(world.init._answer(["cloud-init", "status"]))
    assert json.loads(json.dumps(answer)) == {"status": 0, "out": "status: running\n", "err": ""}
