"""What a user declares of a dataset of their own: how its file is written, and what its columns become."""
