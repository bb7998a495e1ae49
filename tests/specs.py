"""Specs that tests share."""

from __future__ import annotations

# Seconds on a few hundred rows: 2 models × 3 techniques × 2 seeds.
TINY = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "smote", "threshold_moving"]
seeds = [1, 2]
folds = 2
[models.logistic_regression.grid]
alpha = [1e-3, 1e-2]
[models.lightgbm.grid]
n_estimators = [5, 10]
num_leaves = 7
"""
TINY_UNITS = 12

# The same with a network instead of LightGBM, whose every fit fails: its steps are so large that the weights overflow.
DIVERGING = (
    TINY[: TINY.index("[models.lightgbm.grid]")]
    + """[models.mlp.grid]
hidden_layer_sizes = 2
activation = "identity"
solver = "sgd"
learning_rate_init = 10
alpha = 1000
n_iter_no_change = 200
"""
)

# Long enough on the whole Taiwan data to be stopped in the middle: 2 models × 4 techniques × 3 seeds, 252 fits.
STOPPABLE = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling", "smote", "threshold_moving"]
seeds = [1, 2, 3]
folds = 3
[models.logistic_regression.grid]
alpha = [1e-4, 1e-3, 1e-2]
[models.lightgbm.grid]
n_estimators = [20, 40]
num_leaves = [7, 15]
"""
