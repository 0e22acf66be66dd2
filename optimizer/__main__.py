"""`python -m optimizer` is `zoneopt`."""

from optimizer.cli import main

if __name__ == "__main__":
    main()
