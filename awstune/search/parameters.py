"""The kinds of parameter: a float, an integer, a choice, and what is fixed.

Each knows three maps. ``encode`` and ``decode`` go between a value and its place in [0, 1], where models
work: log where flagged, integer i of K at i/(K - 1). ``draw`` is the quantile function of the prior, so
that a uniform u gives every integer its fair share, the ends included. ``level`` spreads grid points.
"""

from __future__ import annotations

from awstune.search.choices import Choice, Fixed
from awstune.search.ranges import Float, Int
from awstune.search.values import Value, key_of

__all__ = ["Choice", "Fixed", "Float", "Int", "Parameter", "Searched", "Value", "key_of"]

Searched = Float | Int | Choice
Parameter = Searched | Fixed
