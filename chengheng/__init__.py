"""城衡 Chengheng: seven city-management systems whose own records answer the targets of the budget."""

__version__ = "0.1.0"
