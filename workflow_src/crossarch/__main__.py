"""`python -m crossarch`: the same as the console script."""

from crossarch.cli import main

if __name__ == "__main__":
    main()
