"""What to run and what it costs: a spec, its units and work items, the plan, memory, shards."""
