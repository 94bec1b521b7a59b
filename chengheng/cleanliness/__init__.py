"""以克论净: sweep a road's dust, weigh it, score districts."""
