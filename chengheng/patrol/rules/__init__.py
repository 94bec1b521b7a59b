"""What the standards say about city cases: dictionary, statistics, scores, reward allocation, honesty of evidence.

Pure functions and tables; no database, no clock, no I/O except the shipped code lists.
"""
