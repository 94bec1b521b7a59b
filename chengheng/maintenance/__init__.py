"""Devices known, watched, repaired in time; base data kept true."""
