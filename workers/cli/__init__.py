"""The command `sluicegate`."""


def main() -> None:
    """Entry point."""
    raise SystemExit("not yet")
