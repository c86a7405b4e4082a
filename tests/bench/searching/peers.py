"""The peers, each behind ask and tell, as their own documents use them.

Every parameter is given in the form that they recommend: logs where they have logs, ordered numbers as
integers where they have no ordinals.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from awstune.search.space import Choice, Float, Int, Space

Params = dict[str, Any]


class Optuna:
    """Optuna with one of its samplers, by class name."""

    def __init__(self, space: Space, seed: int, sampler: str = "TPESampler") -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        chosen = getattr(optuna.samplers, sampler)(seed=seed)
        self.study = optuna.create_study(sampler=chosen)

    def ask(self) -> tuple[Any, Params]:
        trial = self.study.ask()
        return trial, {name: self._suggest(trial, name, p) for name, p in self.space.searched.items()}

    def _suggest(self, trial: Any, name: str, p: Any) -> Any:
        if isinstance(p, Choice):
            if p.ordered:
                return p.options[trial.suggest_int(name, 0, p.count - 1)]
            return trial.suggest_categorical(name, p.options)
        suggest = trial.suggest_int if isinstance(p, Int) else trial.suggest_float
        return suggest(name, p.low, p.high, log=p.log)

    def tell(self, token: Any, loss: float) -> None:
        self.study.tell(token, loss)


class BayesOpt:
    """bayesian-optimization as it comes: raw bounds, its types, its acquisition.

    With ``ard`` a lengthscale a parameter and expected improvement, both as its documents show.
    """

    def __init__(self, space: Space, seed: int, *, ard: bool = False) -> None:
        import warnings

        from bayes_opt import BayesianOptimization

        warnings.simplefilter("ignore")
        self.space = space
        bounds = {name: self._bounds(p) for name, p in space.searched.items()}
        self.optimizer = BayesianOptimization(None, bounds, random_state=seed, verbose=0)
        self.start = 5
        if ard:
            from bayes_opt.acquisition import ExpectedImprovement
            from sklearn.gaussian_process.kernels import Matern

            lengths = np.ones(len(self.optimizer.space.bounds))
            self.optimizer.set_gp_params(kernel=Matern(length_scale=lengths, nu=2.5))
            self.optimizer._acquisition_function = ExpectedImprovement(xi=0.01)

    def _bounds(self, p: Any) -> Any:
        if isinstance(p, Choice):
            return (0, p.count - 1, int) if p.ordered else tuple(map(str, p.options))
        return (p.low, p.high, int) if isinstance(p, Int) else (p.low, p.high)

    def ask(self) -> tuple[Any, Params]:
        if len(self.optimizer.space) < self.start:
            raw = self.optimizer.random_sample(1)[0]
        else:
            raw = self.optimizer.suggest()
        return raw, {name: self._value(p, raw[name]) for name, p in self.space.searched.items()}

    def _value(self, p: Any, value: Any) -> Any:
        if isinstance(p, Choice):
            return p.options[int(value)] if p.ordered else {str(o): o for o in p.options}[str(value)]
        return int(value) if isinstance(p, Int) else float(value)

    def tell(self, token: Any, loss: float) -> None:
        from bayes_opt.exception import NotUniqueError

        with contextlib.suppress(NotUniqueError):
            self.optimizer.register(token, -loss)


class Smac:
    """SMAC's facade for hyperparameters."""

    def __init__(self, space: Space, seed: int) -> None:
        import logging
        import tempfile
        from pathlib import Path

        from smac import HyperparameterOptimizationFacade, Scenario

        logging.disable(logging.CRITICAL)
        self.space = space
        folder = Path(tempfile.mkdtemp())
        scenario = Scenario(
            _configspace(space, seed), deterministic=True, n_trials=50, seed=seed, output_directory=folder
        )
        self.facade = HyperparameterOptimizationFacade(scenario, _never, logging_level=50)

    def ask(self) -> tuple[Any, Params]:
        info = self.facade.ask()
        return info, {name: _plain(p, info.config[name]) for name, p in self.space.searched.items()}

    def tell(self, token: Any, loss: float) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self.facade.tell(token, TrialValue(cost=loss, time=0.1))


def _never(config: Any, seed: int = 0) -> float:
    """What SMAC would run by itself; here it is asked and told."""
    return 0.0


def _configspace(space: Space, seed: int) -> Any:
    import ConfigSpace

    made = []
    for name, p in space.searched.items():
        if isinstance(p, Choice):
            kind = ConfigSpace.OrdinalHyperparameter if p.ordered else ConfigSpace.CategoricalHyperparameter
            made.append(kind(name, [str(o) for o in p.options]))
        elif isinstance(p, Int):
            made.append(ConfigSpace.UniformIntegerHyperparameter(name, p.low, p.high, log=p.log))
        else:
            made.append(ConfigSpace.UniformFloatHyperparameter(name, p.low, p.high, log=p.log))
    result = ConfigSpace.ConfigurationSpace(seed=seed)
    result.add(made)
    return result


def _plain(p: Any, value: Any) -> Any:
    if isinstance(p, Choice):
        return {str(o): o for o in p.options}[str(value)]
    return int(value) if isinstance(p, Int) else float(value)


def _from_codes(space: Space, raw: Mapping[str, Any]) -> Params:
    """The values, where an ordered choice was an index."""
    return {
        name: p.options[int(raw[name])] if isinstance(p, Choice) and p.ordered else _plain(p, raw[name])
        for name, p in space.searched.items()
    }


class Ax:
    """Ax's client, its default generation strategy."""

    def __init__(self, space: Space, seed: int) -> None:
        import logging
        import warnings

        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        self.space, self.client = space, Client(random_seed=seed)
        made: list[Any] = []
        for name, p in space.searched.items():
            if isinstance(p, Choice):
                values = [str(o) for o in p.options]
                made.append(
                    RangeParameterConfig(name=name, parameter_type="int", bounds=(0, p.count - 1))
                    if p.ordered
                    else ChoiceParameterConfig(
                        name=name, parameter_type="str", values=values, is_ordered=False
                    )
                )
            else:
                kind = "int" if isinstance(p, Int) else "float"
                scaling = "log" if p.log else "linear"
                made.append(
                    RangeParameterConfig(
                        name=name, parameter_type=kind, bounds=(p.low, p.high), scaling=scaling
                    )
                )
        self.client.configure_experiment(parameters=made)
        self.client.configure_optimization(objective="-loss")

    def ask(self) -> tuple[Any, Params]:
        ((token, raw),) = self.client.get_next_trials(max_trials=1).items()
        return token, _from_codes(self.space, raw)

    def tell(self, token: Any, loss: float) -> None:
        self.client.complete_trial(trial_index=token, raw_data={"loss": loss})


class Hebo:
    """HEBO."""

    def __init__(self, space: Space, seed: int) -> None:
        import warnings

        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  what HEBO draws from
        self.space = space
        self.optimizer = HEBO(DesignSpace().parse([self._spec(n, p) for n, p in space.searched.items()]))

    def _spec(self, name: str, p: Any) -> dict[str, Any]:
        if isinstance(p, Choice):
            if p.ordered:
                return {"name": name, "type": "int", "lb": 0, "ub": p.count - 1}
            return {"name": name, "type": "cat", "categories": [str(o) for o in p.options]}
        kind = {(Int, False): "int", (Int, True): "pow_int", (Float, False): "num", (Float, True): "pow"}
        return {"name": name, "type": kind[type(p), p.log], "lb": p.low, "ub": p.high}

    def ask(self) -> tuple[Any, Params]:
        frame = self.optimizer.suggest(1)
        raw = frame.iloc[0]
        return frame, _from_codes(self.space, raw)

    def tell(self, token: Any, loss: float) -> None:
        self.optimizer.observe(token, np.array([[loss]]))


class SyneTune:
    """Syne Tune with its BoTorch searcher."""

    def __init__(self, space: Space, seed: int) -> None:
        import logging
        import warnings

        from syne_tune.optimizer.schedulers.searchers.botorch.botorch_searcher import BoTorchSearcher

        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        self.space, self.asked = space, itertools.count()
        spec = {name: self._spec(p) for name, p in space.searched.items()}
        self.searcher = BoTorchSearcher(spec, random_seed=seed)

    def _spec(self, p: Any) -> Any:
        from syne_tune import config_space as kinds

        if isinstance(p, Choice):
            return kinds.randint(0, p.count - 1) if p.ordered else kinds.choice([str(o) for o in p.options])
        if isinstance(p, Int):
            return (kinds.lograndint if p.log else kinds.randint)(p.low, p.high)
        return (kinds.loguniform if p.log else kinds.uniform)(p.low, p.high)

    def ask(self) -> tuple[Any, Params]:
        raw = self.searcher.suggest()
        return (next(self.asked), raw), _from_codes(self.space, raw)

    def tell(self, token: Any, loss: float) -> None:
        number, raw = token
        self.searcher.on_trial_complete(number, raw, loss)


class Hyperopt:
    """Hyperopt's TPE, one trial at a time."""

    def __init__(self, space: Space, seed: int) -> None:
        from hyperopt import Trials, hp

        self.space, self.trials, self.seeds = space, Trials(), itertools.count(1000 * seed)
        self.spec = {name: self._spec(hp, name, p) for name, p in space.searched.items()}

    def _spec(self, hp: Any, name: str, p: Any) -> Any:
        if isinstance(p, Choice):
            return hp.randint(name, 0, p.count) if p.ordered else hp.choice(name, list(p.options))
        if p.log:
            low, high = np.log(p.low), np.log(p.high)
            return (
                hp.qloguniform(name, low, high, 1) if isinstance(p, Int) else hp.loguniform(name, low, high)
            )
        return hp.uniformint(name, p.low, p.high) if isinstance(p, Int) else hp.uniform(name, p.low, p.high)

    def ask(self) -> tuple[Any, Params]:
        from hyperopt import Domain, space_eval, tpe

        domain = Domain(lambda _: 0.0, self.spec)
        (doc,) = tpe.suggest(self.trials.new_trial_ids(1), domain, self.trials, next(self.seeds))
        raw = space_eval(self.spec, {k: v[0] for k, v in doc["misc"]["vals"].items() if v})
        params = {}
        for name, p in self.space.searched.items():
            ordered = isinstance(p, Choice) and p.ordered
            value = p.options[int(raw[name])] if ordered else raw[name]
            params[name] = value if isinstance(p, Choice) else min(max(_plain(p, value), p.low), p.high)
        return doc, params

    def tell(self, token: Any, loss: float) -> None:
        token["result"], token["state"] = {"loss": loss, "status": "ok"}, 2
        self.trials.insert_trial_docs([token])
        self.trials.refresh()
