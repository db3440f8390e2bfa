"""`python -m shopr`: the same door as the `shopr` command."""

from shopr.cli.main import main

if __name__ == "__main__":
    main()
