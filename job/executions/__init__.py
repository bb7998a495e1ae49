"""What is kept of a run: executions, results, checkpoints, attempts; finding, verifying and counting them."""
