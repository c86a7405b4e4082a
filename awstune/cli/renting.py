"""The instance that a sweep rents for itself, whether it begins there or goes on there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from awstune.cli.launching import perhaps_launched, propose, wanted_of
from awstune.cli.screen import Screen
from awstune.config import Config

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.flow.events import Story
    from awstune.flow.launch import Proposal
    from awstune.flow.sending import Ahead
    from awstune.remote.project import Project
    from awstune.sweeps.spec import Spec

T = TypeVar("T")


@dataclass(frozen=True)
class Rental:
    """A launch for one sweep: proposed, then agreed to, then carried out.

    Attributes:
        screen: where to.
        config: the options.
        spec: the sweep's.
        parcel: the project that travels.
        proposal: the launch.
        instead: the question that ``--yes`` does not answer; empty where there is none.
    """

    screen: Screen
    config: Config
    spec: Spec
    parcel: Project
    proposal: Proposal
    instead: str

    @classmethod
    def propose(
        cls,
        screen: Screen,
        config: Config,
        name: str,
        machine: Mapping[str, Any],
        spec: Spec,
        parcel: Project,
        *,
        dry: bool,
    ) -> Self:
        """Plans the launch of an instance that can run the sweep.

        Args:
            screen: where to.
            config: the options.
            name: the instance's.
            machine: what was typed of it.
            spec: the sweep's.
            parcel: the project that travels.
            dry: whether it is only to be shown.
        """
        from awstune.flow import wanting

        proposal, instead = propose(screen, config, wanted_of(name, machine), dry=dry)
        wanting.refuse_plan(proposal.cloud, proposal.plan, spec, parcel)
        screen.still()
        return cls(screen, config, spec, parcel, proposal, instead)

    def agree(self, told: str, question: str, *, yes: bool) -> None:
        """Shows what will be done, and asks whether to do it where that costs."""
        self.screen.say(told)
        if not self.proposal.cloud.local:
            self.screen.confirm(self.instead or question, yes=yes and not self.instead)

    def carry_out(
        self, sweep: str, meanwhile: str, begin: Callable[[Instance, Ahead], Story[T]]
    ) -> tuple[Instance, T]:
        """Launches it, and has the sweep begin or go on there; a sweep that cannot leaves no instance.

        Args:
            sweep: its name.
            meanwhile: what may be of the sweep between the launch and its beginning there.
            begin: the story of that beginning.

        Returns:
            The instance, and what that story returns.
        """
        from awstune.flow import launch
        from awstune.flow.sending import Ahead

        sent = Ahead(self.config, self.proposal.cloud, self.spec, self.parcel, sweep)
        launched = launch.carry_out(self.proposal, again="the same command", running=sent.begin)
        self.screen.if_interrupted(*perhaps_launched(self.proposal.wanted))
        (ready,) = self.screen.follow(launched)
        one = ready.instance
        self.screen.if_interrupted(
            f"{one.name} is launched and goes on, and {meanwhile}",
            f"the same command goes on with it; awstune terminate {one.name} ends {one.name}",
        )
        return one, self.screen.follow(launch.or_undo(self.proposal, one, begin(one, sent)))
