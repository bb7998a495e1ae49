"""From features to predictions: split, resample, search, one unit of work."""
