"""What of command runs by itself."""

from chengheng.command.conference import tasks

__all__ = ["tasks"]
