"""One supervision net over nine aspects of the units' money."""
