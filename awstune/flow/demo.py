"""The whole story on the embedded cloud: launch, sweep, fetch, terminate, look. Nothing of it is faked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from awstune.config import Config, ensure_home
from awstune.ec2 import instances
from awstune.ec2.plan import Plan
from awstune.ec2.wanted import Wanted
from awstune.errors import AwstuneError, Interrupted
from awstune.flow import clouds, end, follow, launch, ship, spec
from awstune.flow.claim import take
from awstune.flow.doomed import Doomed
from awstune.flow.events import Chapter, Doing, Done, Story
from awstune.localcloud import lifecycle
from awstune.names import COURSE_AMI, DEFAULT_REGION, DEFAULT_TYPE
from awstune.sweeps import results
from awstune.sweeps.spec import Spec

NAME = "demo"
TRIALS = 12


class InWords(Protocol):
    """How the demo's plan and its sweep are told."""

    def plan(self, plan: Plan) -> str:
        """A launch's plan."""
        ...

    def spec(self, spec: Spec) -> str:
        """What is searched, and how."""
        ...


def tell(config: Config, *, warn: Callable[[object], None], in_words: InWords) -> Story[dict[str, Any]]:
    """Tells it from beginning to end; the embedded cloud is stopped afterwards if it was started here.

    Args:
        config: the options; cloud and region are the demo's own.
        warn: told of what an earlier embedded cloud has lost.
        in_words: how a plan and a spec are told.

    Returns:
        The sweep's results.

    Raises:
        NameBusy: another demo runs.
        LeftBehind: something is still there after terminate.
    """
    config = replace(config, cloud="local", region=DEFAULT_REGION)
    home = ensure_home(config.home)
    claim = take(home, "local", [NAME], "demo")
    began_here = lifecycle.find(home, on_lost=warn) is None
    try:
        yield Doing("starting the embedded cloud: EC2 and SSH on this machine")
        cloud = lifecycle.start(home)
        yield Done(f"the embedded cloud answers at {cloud.endpoint_url}; nothing here costs anything")
        return (yield from _story(config, warn, in_words))
    except (KeyboardInterrupt, Interrupted):
        raise _interrupted(ended=began_here and _is_alone(config)) from None
    finally:
        if began_here and _is_alone(config):
            lifecycle.stop(home)
        claim.release()


def _is_alone(config: Config) -> bool:
    """Whether the embedded cloud has no instance but the demo's: somebody may have launched one meanwhile."""
    with suppress(AwstuneError):
        cloud = clouds.open_for(config, warn=lambda _: None)
        return {one.name for one in instances.own(cloud)} <= {NAME}
    return True


def _interrupted(*, ended: bool) -> Interrupted:
    if ended:
        return Interrupted("the demo is over; its instance is ended, and its cloud with it")
    return Interrupted(
        f"the demo is over; its instance may still be there: {NAME}",
        f"awstune --cloud local terminate {NAME}",
    )


def _story(config: Config, warn: Callable[[object], None], in_words: InWords) -> Story[dict[str, Any]]:
    yield Chapter("Launch: a plan with its price, then the instance")
    wanted = Wanted(name=NAME, type=DEFAULT_TYPE, image=COURSE_AMI, ttl_s=3600.0)
    proposal = launch.propose(config, wanted, warn=warn)
    yield Done(in_words.plan(proposal.plan))
    (ready,) = yield from launch.carry_out(proposal)
    yield Done(f"get in yourself with: {ready.ssh_line}")

    yield Chapter(f"Sweep: {TRIALS} trials of a torch network on real images, on that instance")
    document = yield from _sweep(config, proposal, ready, in_words)

    yield Chapter("Terminate, and look whether anything is left")
    ended = yield from end.terminate(config, [(proposal.cloud, Doomed((ready.instance,)))], discard=False)
    if ended.failure:
        raise ended.failure
    yield Done("nothing is left: no instance, disk, network interface, security group or key pair")
    return document


def _sweep(
    config: Config, proposal: launch.Proposal, ready: launch.Ready, in_words: InWords
) -> Story[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="awstune-demo-") as folder:
        script = Path(folder) / "digits.py"
        shutil.copy(str(resources.files("awstune.examples") / "digits.py"), script)
        yield Doing("looking into digits.py")
        made = spec.make(config, spec.Typed(str(script), trials=TRIALS), elsewhere=True)
        yield Done(in_words.spec(made))
        parcel = ship.travels(config, made)
        sweep = yield from ship.to_instance(config, proposal.cloud, ready.instance, made, None, parcel)
        yield from follow.attach(config, sweep, lambda _: proposal.cloud)
    return results.results(sweep)
