"""What each dataset becomes: the columns it needs, its features and target, a sample of it."""
