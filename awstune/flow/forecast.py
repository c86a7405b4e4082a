"""What a sweep would do, before it does anything: ``sweep --dry-run``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awstune.config import Config
from awstune.ec2.instances import Instance
from awstune.ec2.plan import Plan
from awstune.flow import luggage, ship
from awstune.remote import project
from awstune.search.trials import Suggestion
from awstune.sweeps.choosing import searcher_of
from awstune.sweeps.data import Data
from awstune.sweeps.spec import Spec

SHOWN = 5


@dataclass(frozen=True)
class Forecast:
    """A sweep that has not begun.

    Attributes:
        spec: as it would be written.
        suggestions: the first trials, as they would be chosen if none of them had reported yet.
        travels: what would be sent to an instance; None for a sweep on this machine.
        usd_per_hour: the instance's price; None on this machine, or where it is not known.
        data: what ``--data`` names; None without it.
        launch: the plan of the instance that would be launched for it; None where none would.
        instance: one that is there, and that it would run on; None without one.
    """

    spec: Spec
    suggestions: tuple[Suggestion, ...]
    travels: project.Project | None
    usd_per_hour: float | None
    data: Data | None = None
    launch: Plan | None = None
    instance: Instance | None = None

    def to_json(self) -> dict[str, Any]:
        """The document of ``sweep --dry-run --json``."""
        travels, found = self.travels, self.data
        launched = {} if self.launch is None else {"launch": self.launch.to_json()}
        return {
            **launched,
            "spec": self.spec.to_json(),
            "suggestions": [{"params": dict(one.params), "why": one.why} for one in self.suggestions],
            "travels": None
            if travels is None
            else {"root": str(travels.root), "files": len(travels.files), "bytes": travels.size},
            "data": None
            if found is None
            else {"path": str(found.path), "files": len(found.files), "bytes": found.size},
            "usd_per_hour": self.usd_per_hour,
        }


def make(
    config: Config,
    spec: Spec,
    *,
    elsewhere: bool,
    usd_per_hour: float | None = None,
    launch: Plan | None = None,
    instance: Instance | None = None,
    suggest: bool = True,
) -> Forecast:
    """Looks ahead; changes nothing.

    Args:
        config: says which folder one is in.
        spec: the sweep's.
        elsewhere: whether it would run on an instance.
        usd_per_hour: that instance's price.
        launch: what is planned for an instance of its own.
        instance: the one that it would run on.
        suggest: whether the first trials are looked at, which takes a moment.
    """
    count = SHOWN if spec.trials is None else min(SHOWN, spec.trials)
    return Forecast(
        spec=spec,
        suggestions=tuple(searcher_of(spec).suggest(spec.space, [], count)) if suggest else (),
        travels=ship.travels(config, spec) if elsewhere else None,
        usd_per_hour=usd_per_hour,
        data=luggage.of_spec(config, spec),
        launch=launch,
        instance=instance,
    )
