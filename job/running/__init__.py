"""How a run runs: the runner, units in flight, worker processes, signals, notices, scratch space."""
