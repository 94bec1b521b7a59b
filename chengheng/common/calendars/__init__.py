"""Working days and hours, and the four kinds of time limit."""
