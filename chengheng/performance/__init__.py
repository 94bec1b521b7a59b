"""Targets of the budget, answered by measures."""
