"""Hold the results of an execution against the published study's tables.

    python -m benchmarks.reproduce [EXECUTION]

A mean of ours *reproduces* a published one when they differ by at most max(0.015, 3·√((s₁² + s₂²)/5)), s being the
standard deviations over five seeds. The corporate table rests on two test positives: it is shown, not judged.
Ends with 1 where a judged mean is not reproduced.

That rule is wide. Below the table stand Welch's t-tests of all six published metrics, with Holm's adjustment over all
of them, the rank correlation of both orders, and how many wrong pairings the rule would let pass.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

METRICS = ("balanced_accuracy", "g_mean", "f1", "precision", "sensitivity", "specificity")
NOT_JUDGED = {"corporate_credit_rating"}
SEEDS = 5


def tolerance(ours: float, theirs: float) -> float:
    """Return how far two means may differ, from the standard deviations of both."""
    return max(0.015, 3 * math.sqrt((ours**2 + theirs**2) / SEEDS))


def compare(rows: list[dict[str, Any]], published: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Pair our rows with the published ones; rows without a counterpart or without all five seeds are left out."""
    ours = {(row["dataset"], row["model"], row["technique"]): row for row in rows if len(row["seeds"]) == SEEDS}
    pairs = []
    for entry in published:
        row = ours.get((entry["dataset"], entry["model"], entry["technique"]))
        if row is None:
            continue
        (their_mean, their_std), our_mean, our_std = entry[metric], row[f"{metric}_mean"], row[f"{metric}_std"]
        allowed = tolerance(our_std, their_std)
        pairs.append(
            {
                "combination": f"{entry['dataset']}: {entry['model']} × {entry['technique']}",
                "ours": f"{our_mean:.4f} ± {our_std:.4f}",
                "published": f"{their_mean:.4f} ± {their_std:.4f}",
                "difference": our_mean - their_mean,
                "allowed": allowed,
                "judged": entry["dataset"] not in NOT_JUDGED,
                "reproduced": abs(our_mean - their_mean) <= allowed,
            }
        )
    return pairs


def power(rows: list[dict[str, Any]], published: list[dict[str, Any]], dataset: str) -> list[str]:
    """Say what more than the rule tells of a dataset's rows that have all five seeds; no lines for fewer than three."""
    import numpy as np
    from scipy.stats import spearmanr, ttest_ind_from_stats

    from job.analysis.resampled import holm

    ours = {(row["model"], row["technique"]): row for row in rows
            if row["dataset"] == dataset and len(row["seeds"]) == SEEDS}  # fmt: skip
    pairs = [(ours[key], entry) for entry in published if entry["dataset"] == dataset
             and (key := (entry["model"], entry["technique"])) in ours]  # fmt: skip
    if len(pairs) < 3:
        return []
    names, p = [], []
    for row, entry in pairs:
        for metric in METRICS:
            own = row[f"{metric}_mean"], row[f"{metric}_std"], SEEDS
            names.append(f"{metric} of {entry['model']} × {entry['technique']}")
            p.append(float(ttest_ind_from_stats(*own, *entry[metric], SEEDS, equal_var=False).pvalue))
    adjusted = holm(np.array(p))
    low = [f"{name} (p = {one:.3f}, by Holm {two:.3f})" for name, one, two in zip(names, p, adjusted, strict=True)
           if one < 0.05]  # fmt: skip
    wrong = [
        abs(row["balanced_accuracy_mean"] - other["balanced_accuracy"][0])
        <= tolerance(row["balanced_accuracy_std"], other["balanced_accuracy"][1])
        for row, entry in pairs
        for _, other in pairs
        if other is not entry
    ]
    means = [[row["balanced_accuracy_mean"], entry["balanced_accuracy"][0]] for row, entry in pairs]
    return [
        f"{dataset}: {sum(wrong)} of {len(wrong)} wrong pairings would pass the rule",
        f"{dataset}: rank correlation of balanced accuracy {spearmanr(np.array(means)).statistic:.2f}",
        f"{dataset}: Welch's t-test, {len(low)} of {len(p)} below 0.05, {int(sum(adjusted < 0.05))} by Holm"
        + "".join(f"\n  {line}" for line in low),
    ]


def main() -> int:
    command = [sys.executable, "-c", "from job.cli import run; run()", "analyze", "summary", *sys.argv[1:], "--json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    published = json.loads((Path(__file__).parent / "published.json").read_text("utf-8"))["results"]
    pairs = compare(rows, published, "balanced_accuracy")
    print("| balanced accuracy of | ours | published | Δ | allowed | |")
    print("|---|---|---|---|---|---|")
    for pair in pairs:
        verdict = "reproduced" if pair["reproduced"] else "NOT reproduced"
        print(
            f"| {pair['combination']} | {pair['ours']} | {pair['published']} | {pair['difference']:+.4f} "
            f"| {pair['allowed']:.4f} | {verdict if pair['judged'] else 'not judged'} |"
        )
    for dataset in sorted({entry["dataset"] for entry in published} - NOT_JUDGED):
        for line in power(rows, published, dataset):
            print(f"\n{line}")
    return int(not pairs or any(pair["judged"] and not pair["reproduced"] for pair in pairs))


if __name__ == "__main__":
    sys.exit(main())
