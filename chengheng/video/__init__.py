"""City cameras by GB/T 28181."""
