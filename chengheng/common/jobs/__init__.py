"""The queue, the schedule, and long work with progress and cancel."""
