"""The only door to files and object storage: a local directory, memory, S3 or what else obstore opens.

A key means the same under a directory and under ``s3://bucket/prefix``. Whatever is written appears whole or not at
all: a reader never sees half an object, and a failed write leaves nothing behind.
"""

from job.store.keys import (
    EXECUTIONS,
    attempts_prefix,
    binding_key,
    data_attempts_prefix,
    failure_key,
    failures_prefix,
    features_key,
    interim_key,
    manifest_key,
    progress_prefix,
    raw_keys,
    report_key,
    result_key,
    results_prefix,
    sample_key,
    spec_key,
    submission_key,
    target_key,
)
from job.store.store import ObjectInfo, Store

__all__ = [
    "EXECUTIONS",
    "ObjectInfo",
    "Store",
    "attempts_prefix",
    "binding_key",
    "data_attempts_prefix",
    "failure_key",
    "failures_prefix",
    "features_key",
    "interim_key",
    "manifest_key",
    "progress_prefix",
    "raw_keys",
    "report_key",
    "result_key",
    "results_prefix",
    "sample_key",
    "spec_key",
    "submission_key",
    "target_key",
]
