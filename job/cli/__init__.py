"""The ``ldp`` command."""


def main() -> None:
    """Run the command line."""
