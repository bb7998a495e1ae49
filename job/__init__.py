"""Loan-default experiments: from a raw credit file to a compared table."""
