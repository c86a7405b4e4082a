"""What to install for a module: only what is known, since a guess can name somebody else's package.

Import names and package names are two registers: ``hydra`` on the package index is not Facebook's Hydra.
"""

from __future__ import annotations

_OWN_NAME = (
    "accelerate",
    "click",
    "datasets",
    "deepspeed",
    "einops",
    "fire",
    "flax",
    "gymnasium",
    "h5py",
    "jax",
    "jsonargparse",
    "keras",
    "lightgbm",
    "lightning",
    "matplotlib",
    "mlflow",
    "numpy",
    "omegaconf",
    "optuna",
    "pandas",
    "peft",
    "plotly",
    "polars",
    "pyarrow",
    "pydantic",
    "requests",
    "rich",
    "safetensors",
    "scipy",
    "seaborn",
    "sentencepiece",
    "statsmodels",
    "tensorboard",
    "tensorflow",
    "timm",
    "tokenizers",
    "torch",
    "torchaudio",
    "torchmetrics",
    "torchvision",
    "tqdm",
    "transformers",
    "typer",
    "tyro",
    "wandb",
    "xgboost",
)
_OTHER_NAME = {
    "PIL": "pillow",
    "absl": "absl-py",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "hydra": "hydra-core",
    "pytorch_lightning": "pytorch-lightning",
    "simple_parsing": "simple-parsing",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "torch_geometric": "torch-geometric",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}


def distribution_of(module: str) -> str | None:
    """The name under which the package index has a module; None where it is not known.

    Args:
        module: its first name, as a script imports it.
    """
    return module if module in _OWN_NAME else _OTHER_NAME.get(module)


def hint_for(module: str, python: str, *, typed: bool = False) -> str:
    """What mends that a module is missing.

    Args:
        module: its first name.
        python: the interpreter that lacks it.
        typed: whether a command names that interpreter, so that no option does.
    """
    package = distribution_of(module)
    mended = f"{python} -m pip install {package}" if package else f"install what provides {module} there"
    return f"{mended}, or {'name another Python' if typed else '--python names one that has it'}"
