"""Regret curves as one SVG file: the median over seeds, a panel a problem, a line a searcher."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from searching.problems import Problem
from searching.table import read

WIDTH, HEIGHT, MARGIN, COLUMNS = 230, 170, 34, 4
COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#17becf", "#7f7f7f")


def draw(folder: Path, problems: dict[str, Problem], path: Path) -> None:
    """Write the figure of what the results have."""
    curves, _ = read(folder)
    names = sorted(curves, key=lambda name: (name != "awstune-bayes", name))
    panels = [_panel(i, p, curves, names) for i, p in enumerate(problems.values()) if p.best is not None]
    legend = "".join(
        f'<text x="{10 + 120 * i}" y="16" fill="{COLOURS[i % len(COLOURS)]}">{name}</text>'
        for i, name in enumerate(names)
    )
    rows = -(-len(panels) // COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT + 30}"'
    style = 'font-family="sans-serif" font-size="11"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    start += '<rect width="100%" height="100%" fill="white"/>'
    path.write_text(start + legend + "".join(panels) + "</svg>\n")


def _panel(index: int, problem: Problem, curves: dict, names: list[str]) -> str:
    left, top = (index % COLUMNS) * WIDTH, 24 + (index // COLUMNS) * HEIGHT
    found = {n: _log_regret(curves[n][problem.name], problem) for n in names if curves[n].get(problem.name)}
    low, high = min(c.min() for c in found.values()), max(c.max() for c in found.values())
    parts = [f'<text x="{left + MARGIN}" y="{top + 14}">{problem.name}</text>']
    parts += [
        f'<text x="{left + 2}" y="{_y(at, low, high, top):.0f}" font-size="9">1e{at:.1f}</text>'
        for at in (low, high)
    ]
    for name, curve in found.items():
        points = " ".join(
            f"{left + MARGIN + i * (WIDTH - MARGIN - 10) / (len(curve) - 1):.1f},{_y(v, low, high, top):.1f}"
            for i, v in enumerate(curve)
        )
        colour = COLOURS[names.index(name) % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
    return "".join(parts)


def _log_regret(runs: dict[int, list[float]], problem: Problem) -> np.ndarray:
    median = np.median(list(runs.values()), axis=0) - (problem.best or 0.0)
    return np.log10(np.maximum(median, 1e-6))


def _y(value: float, low: float, high: float, top: int) -> float:
    return top + 22 + (high - value) / ((high - low) or 1.0) * (HEIGHT - 40)
