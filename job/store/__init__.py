"""The only door to files and object storage: a local directory, memory, S3 or what else obstore opens.

A key means the same under a directory and under ``s3://bucket/prefix``. Whatever is written appears whole or not at
all: a reader never sees half an object, and a failed write leaves nothing behind.
"""

from job.store.keys import (
    EXECUTIONS,
    RAW_PREFIX,
    attempts_prefix,
    audit_key,
    binding_key,
    data_attempts_prefix,
    declaration_key,
    failure_key,
    failures_prefix,
    features_key,
    interim_key,
    manifest_key,
    neighbours_prefix,
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
    "RAW_PREFIX",
    "ObjectInfo",
    "Store",
    "attempts_prefix",
    "audit_key",
    "binding_key",
    "data_attempts_prefix",
    "declaration_key",
    "failure_key",
    "failures_prefix",
    "features_key",
    "interim_key",
    "manifest_key",
    "neighbours_prefix",
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
