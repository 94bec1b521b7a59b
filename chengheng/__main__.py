"""Entry of the `chengheng` command."""

import sys


def main() -> None:
    """Run the command line; exit statuses: 0 done, 1 failed, 2 bad input."""
    from chengheng.project.cli import cli

    sys.exit(cli())


if __name__ == "__main__":
    main()
