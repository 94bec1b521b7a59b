"""33 sites in one conference; orders that come back done."""
