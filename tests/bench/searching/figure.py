"""Regret curves as one SVG file: the median over seeds, a panel a problem, a line a searcher."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from searching.problems import Problem
from searching.table import read

WIDTH, HEIGHT, MARGIN, COLUMNS = 236, 170, 46, 4
OURS = "awstune-bayes"
COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#17becf", "#7f7f7f")
LEGEND_COLUMNS, LEGEND_ROW = 7, 16


def draw(folder: Path, problems: dict[str, Problem], path: Path) -> None:
    """Write the figure of what the results have."""
    curves, _ = read(folder)
    names = sorted(curves, key=lambda name: (name != OURS, name))
    shown = [problem for problem in problems.values() if problem.best is not None]
    legend = [_entry(i, name, names, len(next(iter(curves[name].values())))) for i, name in enumerate(names)]
    top = 22 + LEGEND_ROW * -(-len(names) // LEGEND_COLUMNS)
    panels = [_panel(i, problem, curves, names, top) for i, problem in enumerate(shown)]
    rows = -(-len(shown) // COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT + top + 6}"'
    style = 'font-family="sans-serif" font-size="11"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    start += '<rect width="100%" height="100%" fill="white"/>'
    what = "median regret of the best so far, over 50 trials (log scale); how many seeds"
    title = f'<text x="10" y="14" font-weight="bold">{what}</text>'
    path.write_text("".join([start, title, *legend, *panels, "</svg>\n"]))


def _line(name: str, names: list[str]) -> str:
    """How a searcher's line looks: two that share a colour differ in dashes."""
    if name == OURS:
        return 'stroke="#d62728" stroke-width="2.6"'
    turn, colour = divmod(names.index(name) - 1, len(COLOURS))
    dashes = ' stroke-dasharray="4 2"' if turn else ""
    return f'stroke="{COLOURS[colour]}" stroke-width="1.2"{dashes}'


def _entry(index: int, name: str, names: list[str], seeds: int) -> str:
    row, column = divmod(index, LEGEND_COLUMNS)
    x, y = 10 + 130 * column, 30 + LEGEND_ROW * row
    line = f'<path d="M{x},{y - 4}h18" {_line(name, names)}/>'
    return f'{line}<text x="{x + 22}" y="{y}">{name} ({seeds})</text>'


def _panel(index: int, problem: Problem, curves: dict, names: list[str], under: int) -> str:
    left, top = (index % COLUMNS) * WIDTH, under + (index // COLUMNS) * HEIGHT
    found = {n: _log_regret(curves[n][problem.name], problem) for n in names if curves[n].get(problem.name)}
    low, high = min(c.min() for c in found.values()), max(c.max() for c in found.values())
    parts = [f'<text x="{left + MARGIN}" y="{top + 14}">{problem.name}</text>']
    parts += [
        f'<text x="{left + 2}" y="{_y(at, low, high, top) + 3:.0f}" font-size="9">{10**at:.2g}</text>'
        for at in (low, high)
    ]
    for name, curve in reversed(found.items()):  # ours last, on top
        points = " ".join(
            f"{left + MARGIN + i * (WIDTH - MARGIN - 10) / (len(curve) - 1):.1f},{_y(v, low, high, top):.1f}"
            for i, v in enumerate(curve)
        )
        parts.append(f'<polyline points="{points}" fill="none" {_line(name, names)}/>')
    return "".join(parts)


def _log_regret(runs: dict[int, list[float]], problem: Problem) -> np.ndarray:
    median = np.median(list(runs.values()), axis=0) - (problem.best or 0.0)
    return np.log10(np.maximum(median, 1e-6))


def _y(value: float, low: float, high: float, top: int) -> float:
    return top + 22 + (high - value) / ((high - low) or 1.0) * (HEIGHT - 40)
