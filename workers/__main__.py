"""`python -m workers` is the command `sluicegate`."""

from workers.cli import main

if __name__ == "__main__":
    main()
