"""What a fit holds beyond its rows: trees, histograms, activations. Measured with `python -m benchmarks.memory`.

Both boosting libraries keep the sums of gradients and Hessians of every bin for each node that they may still split:
LightGBM for as many leaves as a tree may have, from its first round on, XGBoost for the nodes that a tree comes to
have. Deep trees, many leaves or fine bins therefore take more than all rows do.
"""

from __future__ import annotations

import itertools
from typing import Any

from job.training.candidates import Candidate, ModelName
from job.training.forests import TREES_HELD

_NODE = 80  # a tree's node and its class shares
_NODES_PER_ROW = 0.31  # of a fully grown tree
_LEAVES_PER_ROW = 0.65  # nodes, times the least number of rows in a leaf
_BIN = 16  # two float64
_LIGHTGBM_BINS, _XGBOOST_BINS = 255, 256
_BOOSTED_NODES_PER_ROW = 0.25  # where a leaf has a Hessian of 1 at least, which takes four rows
_MOST_CACHED = 65_536  # nodes: XGBoost's max_cached_hist_node
_SLACK = 1.1
_WEIGHT_COPIES = 8  # gradients, two moments, the best so far, and what an update is computed in
_ACTIVATIONS = 3  # of a layer: forward, backward, and a product on its way


def working_bytes(model: ModelName, candidate: Candidate, rows: float, features: int) -> float:
    """Estimate what a fit holds at its peak beyond its rows, in bytes of the host.

    Parameters
    ----------
    candidate : Candidate
        What it does not name is the library's default.
    rows : float
        Of the training part, after resampling.
    features : int
        Columns that the model sees.
    """
    if model == "random_forest":
        return _forest(candidate, rows)
    if model == "lightgbm":
        return _SLACK * _BIN * features * min(_LIGHTGBM_BINS, rows) * _lightgbm_leaves(candidate)
    if model == "xgboost":
        bins = min(_whole(candidate, "max_bin", _XGBOOST_BINS), rows)
        return _SLACK * _BIN * features * bins * _xgboost_nodes(candidate, rows)
    return _layers(candidate, rows, features) if model == "mlp" else 0.0


def _forest(candidate: Candidate, rows: float) -> float:
    """Of the trees that are held at once, whatever their number."""
    nodes = min(_NODES_PER_ROW * rows, _LEAVES_PER_ROW * rows / max(_whole(candidate, "min_samples_leaf", 1), 1))
    depth = _whole(candidate, "max_depth", 60)
    if depth < 60:
        nodes = min(nodes, 2.0 ** (depth + 1))
    return _NODE * nodes * min(_whole(candidate, "n_estimators", 100), TREES_HELD)


def _lightgbm_leaves(candidate: Candidate) -> float:
    depth = _whole(candidate, "max_depth", -1)
    leaves = _whole(candidate, "num_leaves", 31)
    return min(leaves, 2.0**depth) if depth > 0 else leaves


def _xgboost_nodes(candidate: Candidate, rows: float) -> float:
    depth, leaves = _whole(candidate, "max_depth", 6), _whole(candidate, "max_leaves", 0)
    least = candidate.get("min_child_weight")
    few = isinstance(least, int | float) and least < 1
    nodes = min(_MOST_CACHED, (2.0 if few else _BOOSTED_NODES_PER_ROW) * rows)
    if depth > 0:
        nodes = min(nodes, 2.0**depth)
    return min(nodes, 2.0 * leaves) if leaves > 0 else nodes


def _layers(candidate: Candidate, rows: float, features: int) -> float:
    """Of float32 weights and activations.

    L-BFGS, or a large batch, has those of all its rows at once; predicting has two layers' of the rows that are
    predicted, fewer than half of the training rows.
    """
    given: Any = candidate.get("hidden_layer_sizes", (100,))
    hidden = [given] if isinstance(given, int) else list(given)
    widths = [features, *hidden, 1]
    weights = sum(first * second for first, second in itertools.pairwise(widths))
    batch = rows if candidate.get("solver") == "lbfgs" else min(_whole(candidate, "batch_size", 200), rows)
    predicted = max(first + second for first, second in itertools.pairwise(widths)) * rows / 2
    return 4 * (_WEIGHT_COPIES * weights + max(_ACTIVATIONS * sum(hidden) * batch, predicted))


def _whole(candidate: Candidate, name: str, default: int) -> int:
    value = candidate.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
