"""Hypothesis strategies for parameters and spaces."""

from hypothesis import strategies as st

from awstune.search.space import Choice, Fixed, Float, Int, Space

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z]{1,5})?", fullmatch=True)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=8)
)


@st.composite
def floats(draw):
    """A Float, with and without its options."""
    log = draw(st.booleans())
    bounds = st.floats(1e-9 if log else -1e6, 1e6)
    low, high = sorted((draw(bounds), draw(bounds)))
    if not high - low > 1e-6 * max(abs(low), abs(high), 1e-6):
        high = low + 1 + abs(low)
    inside = st.none() | st.floats(low, high)
    step = None if draw(st.booleans()) else (high - low) / draw(st.integers(1, 20))
    n = draw(st.none() | st.integers(1, 9))
    return Float(low, high, log=log, step=step, n=n, default=draw(inside), prior=draw(inside))


@st.composite
def ints(draw):
    """An Int, with and without its options."""
    log = draw(st.booleans())
    bounds = st.integers(1 if log else -(10**6), 10**6)
    low, high = sorted((draw(bounds), draw(bounds)))
    high += low == high
    inside = st.none() | st.integers(low, high)
    step = draw(st.none() | st.integers(1, high - low))
    n = draw(st.none() | st.integers(1, 9))
    return Int(low, high, log=log, step=step, n=n, default=draw(inside), prior=draw(inside))


@st.composite
def choices(draw):
    """A Choice, of words, numbers or JSON."""
    option = SCALARS | st.lists(SCALARS, max_size=2)
    options = draw(st.lists(option, min_size=2, max_size=5, unique_by=repr))
    weights = [draw(st.floats(0.1, 10)) for _ in options] if draw(st.booleans()) else None
    default = draw(st.none() | st.sampled_from(options))
    return Choice(*options, default=default, weights=weights)


fixed = st.builds(Fixed, SCALARS | st.lists(SCALARS, max_size=2))
parameters = floats() | ints() | choices() | fixed


@st.composite
def spaces(draw):
    """A space of one to six parameters, one of them perhaps conditional."""
    given = draw(st.dictionaries(NAMES, parameters, min_size=1, max_size=6))
    names = list(given)
    parents = [n for n in names if isinstance(given[n], Choice)]
    if parents and len(names) > 1 and draw(st.booleans()):
        parent = draw(st.sampled_from(parents))
        child = draw(st.sampled_from([n for n in names if n != parent]))
        given[child] = given[child].same(when={parent: [draw(st.sampled_from(given[parent].options))]})
    return Space(given)
