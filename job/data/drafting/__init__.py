"""Drafting a declaration from a file: how it is written, and what its columns seem to be."""
