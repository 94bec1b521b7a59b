"""Pages of patrol: cases (queue, reception, one case, map), figures (statistics, bulletins, allocation)."""
