"""Where everything lies: the keys of raw files, processed data, executions and reports."""

from __future__ import annotations

from job.catalogue import raw_name

RAW_PREFIX = "data/raw/"
"""Under which raw files and declarations lie."""


def raw_keys(dataset: str) -> tuple[str, str]:
    """Return where a dataset's raw file may lie: plain, and compressed with gzip. Datasets may share one."""
    return f"data/raw/{raw_name(dataset)}.csv", f"data/raw/{raw_name(dataset)}.csv.gz"


def sample_key(dataset: str) -> str:
    """Return the key of the note that says which raw file is a synthetic sample."""
    return f"data/raw/{raw_name(dataset)}.sample.json"


def declaration_key(dataset: str) -> str:
    """Return the key of what a user declares of a dataset of their own. Jobs read it and never write it."""
    return f"{RAW_PREFIX}{dataset}.toml"


def interim_key(dataset: str) -> str:
    """Return the key of the cleaned, typed, still readable table."""
    return f"data/interim/{dataset}.parquet"


def features_key(dataset: str) -> str:
    """Return the key of the float32 features."""
    return f"data/processed/{dataset}_X.parquet"


def target_key(dataset: str) -> str:
    """Return the key of the target, with `group`, `time` and `horizon` where the dataset has them."""
    return f"data/processed/{dataset}_y.parquet"


def audit_key(dataset: str) -> str:
    """Return the key of the columns that are kept for audits and costs, and are no features."""
    return f"data/processed/{dataset}_audit.parquet"


def spec_key(digest: str) -> str:
    """Return the key of a spec of a user's own, by the SHA-256 of its bytes."""
    return f"specs/{digest}.toml"


def submission_key(execution: str) -> str:
    """Return the key of what was expected of an execution when it was submitted."""
    return f"specs/submissions/{execution}.json"


def data_attempts_prefix() -> str:
    """Return the prefix of the records of data jobs."""
    return "data/attempts/"


EXECUTIONS = "executions"


def manifest_key(execution: str) -> str:
    """Return the key of what an execution was asked to do."""
    return f"{EXECUTIONS}/{execution}/manifest.json"


def binding_key(execution: str, dataset: str) -> str:
    """Return the key of the fingerprint of the data that an execution runs on."""
    return f"{EXECUTIONS}/{execution}/datasets/{dataset}.json"


def results_prefix(execution: str) -> str:
    """Return the prefix of an execution's results."""
    return f"{EXECUTIONS}/{execution}/results/"


def result_key(execution: str, dataset: str, model: str, technique: str, seed: int) -> str:
    """Return the key of one finished unit."""
    return f"{results_prefix(execution)}{dataset}/{model}/{technique}/seed_{seed}.parquet"


def failures_prefix(execution: str) -> str:
    """Return the prefix of an execution's records of failed units."""
    return f"{EXECUTIONS}/{execution}/failures/"


def failure_key(execution: str, dataset: str, model: str, technique: str, seed: int) -> str:
    """Return the key of the record of a unit that raised."""
    return f"{failures_prefix(execution)}{dataset}/{model}/{technique}/seed_{seed}.json"


def progress_prefix(execution: str) -> str:
    """Return the prefix of what is saved of units in flight."""
    return f"{EXECUTIONS}/{execution}/progress/"


def neighbours_prefix(execution: str) -> str:
    """Return the prefix of the neighbours that were found of folds in the making; no dataset has such a name."""
    return f"{progress_prefix(execution)}_neighbours/"


def attempts_prefix(execution: str) -> str:
    """Return the prefix of the records of an execution's attempts."""
    return f"{EXECUTIONS}/{execution}/attempts/"


def report_key(execution: str, name: str) -> str:
    """Return the key of a file of an execution's report, such as ``tables/summary.csv``."""
    return f"reports/{execution}/{name}"
