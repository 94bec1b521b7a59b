"""The registry of numbers that the systems can prove, each with its evidence rows."""
