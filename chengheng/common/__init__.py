"""The common floor: what all seven systems stand on. It never names a system."""
