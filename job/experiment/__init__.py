"""From a spec to results: units, executions, checkpoints, the runner."""
