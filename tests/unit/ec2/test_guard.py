import math
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import yaml

from awstune import names
from awstune.ec2 import guard
from tests.waiting import until


@pytest.fixture
def root(tmp_path):
    """A folder that stands for an instance's "/", with the guard installed and a harmless shutdown."""
    tmp_path /= "root"
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir(parents=True)
    shutdown = bin_dir / "shutdown"
    shutdown.write_text('#!/bin/sh\necho "$@" >> "$AWSTUNE_ROOT/shutdowns"\n')
    shutdown.chmod(0o755)
    return tmp_path


def _document(**options):
    given = {"ends": 1_000.0, "stamp": "t1", "limits": guard.Limits()} | options
    return yaml.safe_load(guard.user_data(guard.HostKey.generate(), **given))


def _env(root):
    return {"PATH": f"{root}/bin:{os.environ['PATH']}", "AWSTUNE_ROOT": str(root)}


def _boot(root, document):
    for file in document["write_files"]:
        path = Path(f"{root}{file['path']}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
    for words in document["bootcmd"]:
        subprocess.run(words, env=_env(root), check=True, capture_output=True)


def _guard(root, verb="check"):
    return subprocess.run(["sh", f"{root}{guard.GUARD_PATH}", verb], env=_env(root), check=False).returncode


def test_the_document_is_small_and_says_what_it_is():
    """AWS takes 16 KB of user-data; ours stays under 12 with all that it may hold, and names its format."""
    limits = guard.Limits(86400.0 * 3650, 1e9, 1e6, 1e6)
    most = {"stamp": f"awstune-{'0' * 36}", "limits": limits, "bucket": "b" * 63, "keep_host_keys": True}
    text = guard.user_data(guard.HostKey.generate(), ends=time.time(), **most)
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < 12 * 1024


def test_the_host_key_survives_the_yaml():
    """The key that sshd will show is byte for byte the one that was pinned."""
    key = guard.HostKey.generate()
    document = yaml.safe_load(guard.user_data(key, ends=None, stamp="t"))
    assert document["ssh_keys"] == {"ed25519_private": key.private, "ed25519_public": key.public}


def test_an_instance_before_its_end_is_armed_and_left_alone(root):
    """Before the end the guard says that it is armed and does nothing."""
    _boot(root, _document(ends=time.time() + 60))
    assert _guard(root) == 0
    assert Path(f"{root}{names.ARMED_FILE}").exists()
    assert not (root / "shutdowns").exists()


def test_an_instance_past_its_end_is_shut_down(root):
    """At the end the guard calls shutdown, found through PATH."""
    _boot(root, _document(ends=time.time() - 1))
    assert _guard(root) == 0
    assert (root / "shutdowns").read_text() == "-h now\n"
    assert not Path(f"{root}{names.ARMED_FILE}").exists()  # nobody who waits for it takes it for ready


def test_no_end_is_typed_and_kept(root):
    """An instance with the end `none` is guarded and never ended."""
    _boot(root, _document(ends=None))
    assert _guard(root) == 0
    assert not (root / "shutdowns").exists()


@pytest.mark.parametrize("word", ["", "soon", "-5", "12 34"])
def test_an_unreadable_end_is_not_armed(root, word):
    """A guard that cannot read its end never claims to guard."""
    _boot(root, _document())
    Path(f"{root}{names.ENDS_FILE}").write_text(word)
    assert _guard(root) == 1
    assert not Path(f"{root}{names.ARMED_FILE}").exists()


def test_a_reboot_keeps_an_end_that_was_moved(root):
    """The same user-data at the next boot does not undo `extend`."""
    document = _document(ends=1_000.0)
    _boot(root, document)
    Path(f"{root}{names.ENDS_FILE}").write_text("2000\n")
    _boot(root, document)
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "2000\n"


def test_new_user_data_brings_its_own_end(root):
    """A start with new user-data sets a new end although the disk has an old one."""
    _boot(root, _document(ends=1_000.0, stamp="t1"))
    _boot(root, _document(ends=5_000.0, stamp="t2"))
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "5000\n"


def test_arm_guards_without_systemd(root):
    """Where there is no systemd the guard loops by itself and ends the instance in time."""
    _boot(root, _document(ends=time.time() + 1))
    loop = subprocess.Popen(
        ["sh", f"{root}{guard.GUARD_PATH}", "loop"], env=_env(root) | {"AWSTUNE_GUARD_EVERY_S": "0.1"}
    )
    try:
        until((root / "shutdowns").exists, "the guard to end the instance")
    finally:
        loop.kill()
        loop.wait()


# CI installs it from Debian: the package registry has none.
@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
def test_cloud_init_accepts_the_document(tmp_path):
    """`cloud-init schema` has nothing to say against it."""
    path = tmp_path / "user-data"
    limits = guard.Limits(1800, 5.0, 0.9, 0.01)
    more = {"bucket": "my-results", "keep_host_keys": True}
    path.write_text(guard.user_data(guard.HostKey.generate(), ends=1_000.0, stamp="t", limits=limits, **more))
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_end_is_moved_on_the_disk(root):
    """What `extend` runs over SSH changes the end that the guard reads."""
    _boot(root, _document(ends=1_000.0))
    sudo = root / "bin" / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    subprocess.run(["sh", "-c", guard.move_end_command(5_000.0)], env=_env(root), check=True)
    assert Path(f"{root}{names.ENDS_FILE}").read_text() == "5000\n"


def _tool(root, name, text):
    tool = root / "bin" / name
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def _ended(root):
    return (root / "run/awstune/ended").read_text().strip() if (root / "shutdowns").exists() else None


def _idle_for(root, seconds):
    (root / "run/awstune/awake").write_text(f"{int(time.time()) - seconds}\n")


@pytest.fixture
def idling(root):
    """An instance with half an hour of idle time, that nobody has used for an hour."""
    _boot(root, _document(ends=time.time() + 9999, limits=guard.Limits(idle_s=1800)))
    _guard(root)
    _idle_for(root, 3600)
    return root


def test_an_idle_instance_is_ended(idling):
    """Nothing runs, nobody types: after its idle time it ends, and says why."""
    _guard(idling)
    assert _ended(idling) == "idle"


def test_idle_time_that_is_not_over(root):
    """Below the limit nothing happens; without a limit nothing ever does."""
    _boot(root, _document(ends=time.time() + 9999, limits=guard.Limits(idle_s=1800)))
    _guard(root)
    _idle_for(root, 1000)
    _guard(root)
    assert _ended(root) is None
    _boot(root, _document(ends=time.time() + 9999, stamp="t2", limits=guard.Limits()))
    _guard(root)
    _idle_for(root, 99999)
    _guard(root)
    assert _ended(root) is None


@pytest.mark.parametrize(("percent", "ended"), [("97", None), ("5", None), ("4", "idle"), ("[N/A]", "idle")])
def test_a_busy_gpu_is_use(idling, percent, ended):
    """nvidia-smi drives it both ways: 5 % on any GPU is use."""
    _tool(idling, "nvidia-smi", f"printf '0\\n{percent}\\n'")
    _guard(idling)
    assert _ended(idling) == ended


@pytest.mark.parametrize(("load", "ended"), [("1.30 1 1 1/1 1", None), ("1.10 1 1 1/1 1", "idle")])
def test_a_busy_cpu_is_use(idling, load, ended):
    """0.3 of load a core, four cores."""
    _tool(idling, "nproc", "echo 4")
    (idling / "proc").mkdir()
    (idling / "proc/loadavg").write_text(f"{load}\n")
    _guard(idling)
    assert _ended(idling) == ended


@pytest.mark.parametrize("path", ["train-1", "train-1/runs/1"])
def test_a_running_sweep_is_use(idling, path):
    """A worker that lives, of a sweep or of a run; one whose process is gone, or is another's, is none."""
    folder = idling.parent / "home/ubuntu/.awstune/sweeps" / path
    folder.mkdir(parents=True)
    # Like a worker it stays; it is ended below.
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "awstune.sweeps.worker"])
    try:
        (folder / "worker.pid").write_text(f"{worker.pid}\n")
        _guard(idling)
        assert _ended(idling) is None
    finally:
        worker.kill()
        worker.wait()
        (folder / "worker.pid").write_text("1\n")
    _idle_for(idling, 3600)
    _guard(idling)
    shutil.rmtree(idling.parent / "home")
    assert _ended(idling) == "idle"


def test_whoever_says_so_uses_it(idling):
    """Touching run/awstune/active is use; an open connection alone is not."""
    (idling / "run/awstune/active").touch()
    _guard(idling)
    assert _ended(idling) is None


@pytest.mark.parametrize(("more", "ended"), [(10_000_000, None), (5_000, "idle")])
def test_a_transfer_is_use(idling, more, ended):
    """Twenty kilobytes a second are a transfer, keepalives are not."""
    (idling / "proc/net").mkdir(parents=True)
    device = idling / "proc/net/dev"
    device.write_text(f"lo:999999999 0 0 0 0 0 0 0 9 0\n eth0: {1_000 + more} 1 0 0 0 0 0 0 500 1 0 0\n")
    (idling / "run/awstune/bytes").write_text("1500\n")
    _guard(idling)
    assert _ended(idling) == ended


CAPPED = guard.Limits(max_usd=1.0, usd_per_hour=0.6, disk_usd_per_hour=0.01)


def _spend(root, *, ran_s=3600, disk_h=0):
    """So much it has run, and so long its disk has been there."""
    state = root / "var/lib/awstune"
    state.mkdir(parents=True, exist_ok=True)
    (state / "ran").write_text(f"{ran_s}\n")
    (state / "born").write_text(f"{int(time.time()) - disk_h * 3600}\n")


def test_the_cap_counts_all_starts_and_the_disk(root):
    """Hours of earlier starts, and the disk since it was made, stopped or not."""
    assert CAPPED.due_usd == pytest.approx(1 - 0.61 / 6)
    assert CAPPED.cap_in_words == "before it has cost $1.00 (the last $0.10 pay for sending results home)"
    _boot(root, _document(ends=time.time() + 9999, limits=CAPPED))
    for hours, ended in ((29, None), (30, "dollar cap")):
        _spend(root, disk_h=hours)
        _guard(root)
        assert _ended(root) == ended


@pytest.mark.parametrize(("left", "ended"), [(10, None), (0, "dollar cap")])
@pytest.mark.parametrize("cap", [1.0, 0.01])
def test_the_cap_pays_for_sending_results_home(root, cap, left, ended):
    """Due early by what that may cost, or by half of a small cap; whoever fetches gets no further than it."""
    limits = replace(CAPPED, max_usd=cap, disk_usd_per_hour=0.0)
    for spent, is_due in ((limits.due_usd, False), (cap, True)):
        _boot(root, _document(ends=None, stamp=f"for {spent}", limits=limits))
        # Ten seconds before that, or there.
        _spend(root, ran_s=math.ceil(spent * 6000) - (left if is_due else 10))
        (root / "run/awstune").mkdir(parents=True, exist_ok=True)
        (root / "run/awstune/hold").touch()
        _guard(root)
        assert (root / "run/awstune/notice").exists() is is_due
    assert _ended(root) == ended


@pytest.mark.parametrize(("cap", "ends"), [(2.0, False), (math.inf, False), (0.5, True)])
def test_the_last_word_about_the_cap_holds(root, cap, ends):
    """A start, or extend, puts another cap below the one that is spent, or takes it away."""
    assert bool(replace(CAPPED, max_usd=cap).cap_in_words) is (cap < math.inf)
    limits = guard.Limits(max_usd=0.9, usd_per_hour=0.9)
    _boot(root, _document(ends=None, limits=limits))
    _guard(root)
    Path(f"{root}{guard.RAN_FILE}").write_text("3600\n")
    later = replace(limits, max_usd=cap)
    _boot(root, yaml.safe_load(guard.user_data(None, ends=None, stamp="t2", limits=later)))
    _guard(root)
    assert (root / "shutdowns").exists() is ends
    command = guard.more_limits_command(replace(limits, max_usd=3.0)).replace("sudo ", "")
    subprocess.run(["sh", "-c", command], env=_env(root), check=True)
    assert "cap=3000000" in Path(f"{root}{guard.LIMITS_FILE}").read_text()


def test_hours_are_counted(root):
    """The time between two looks is added; a gap, such as a stop, is not."""
    _boot(root, _document(ends=None))
    _guard(root)
    last, ran = root / "run/awstune/last", root / "var/lib/awstune/ran"
    before, then = int(ran.read_text()), int(time.time()) - 30
    last.write_text(f"{then}\n")
    _guard(root)
    counted = int(ran.read_text())
    assert 30 <= counted - before <= time.time() - then
    for gap in (-9999, 9999):
        last.write_text(f"{int(time.time()) + gap}\n")
        _guard(root)
        assert int(ran.read_text()) == counted


def test_hours_are_the_kernels(root):
    """Where it says how long it is up: with the boot, and with what a guard that was kept waiting missed."""
    document, ran = _document(ends=None), root / "var/lib/awstune/ran"
    (root / "proc").mkdir()
    for looks in ([40, 45, 4000], [35, 35, 60]):
        _boot(root, document)
        for up_s in looks:
            (root / "proc/uptime").write_text(f"{up_s}.91 17.03\n")
            _guard(root)
    assert ran.read_text() == f"{4000 + 60}\n"


def test_the_end_is_announced_and_taken_back(root):
    """Two minutes ahead a notice says so; an end that was moved since takes it away."""
    _boot(root, _document(ends=time.time() + 100))
    _guard(root)
    notice = root / "run/awstune/notice"
    assert notice.read_text() == "time to live\n"
    Path(f"{root}{names.ENDS_FILE}").write_text(f"{int(time.time()) + 9999}\n")
    _guard(root)
    assert not notice.exists()


def test_whoever_fetches_results_holds_the_end_off(root):
    """A fresh hold delays it, ten minutes at most, which plans reckon with."""
    script = resources.files("awstune.ec2").joinpath("guard.sh").read_text()
    assert f"hold_s={guard.HOLD_S:.0f}\n" in script
    assert f"-mmin -{names.HELD_S / 60:.0f} " in script
    _boot(root, _document(ends=time.time() - 1))
    (root / "run/awstune").mkdir(parents=True)
    (root / "run/awstune/hold").touch()
    _guard(root)
    assert _ended(root) is None
    (root / "run/awstune/due").write_text(f"{int(time.time()) - 601}\n")
    _guard(root)
    assert _ended(root) == "time to live"


def test_a_boot_forgets_the_last_ones_state(root):
    """A new boot is not armed, idle or due before its own guard has looked."""
    document = _document(ends=time.time() + 99)
    _boot(root, document)
    _guard(root)
    assert Path(f"{root}{names.ARMED_FILE}").exists()
    _boot(root, document)
    assert not Path(f"{root}{names.ARMED_FILE}").exists()


def test_a_start_keeps_the_limits(root):
    """User-data without limits leaves those on the disk."""
    _boot(root, _document(limits=guard.Limits(idle_s=60)))
    _boot(root, _document(stamp="t2", limits=None))
    assert (root / "etc/awstune/limits").read_text() == "idle_s=60\n"


def test_what_the_guard_is_called_with(root):
    """A word that it does not know is a usage error."""
    _boot(root, _document())
    assert _guard(root, "dance") == 2


def test_the_gpu_is_not_asked_at_every_look(root):
    """Asking a GPU can take a second: between two questions half a minute passes, but none ends unasked."""
    _boot(root, _document(ends=time.time() + 9999, limits=guard.Limits(idle_s=1800)))
    _tool(root, "nvidia-smi", 'echo asked >> "$AWSTUNE_ROOT/asked"; echo 0')
    for _ in range(4):
        _guard(root)
    assert (root / "asked").read_text().count("asked") == 1
    (root / "run/awstune/looked").write_text(f"{int(time.time()) - 31}\n")
    _guard(root)
    assert (root / "asked").read_text().count("asked") == 2
    _idle_for(root, 3600)
    _guard(root)
    assert (root / "asked").read_text().count("asked") == 3
    assert _ended(root) == "idle"
