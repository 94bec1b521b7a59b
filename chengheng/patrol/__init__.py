"""以奖代补 collection and the whole life of a city case."""
