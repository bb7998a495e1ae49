"""Hold the results of an execution against the published study's tables.

    python -m benchmarks.reproduce [EXECUTION]

A mean of ours *reproduces* a published one when they differ by at most max(0.015, 3·√((s₁² + s₂²)/5)), s being the
standard deviations over five seeds. The corporate table rests on two test positives: it is shown, not judged.
Ends with 1 where a judged mean is not reproduced.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    return int(not pairs or any(pair["judged"] and not pair["reproduced"] for pair in pairs))


if __name__ == "__main__":
    sys.exit(main())
