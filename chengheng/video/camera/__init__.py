"""The simulator: synthetic devices that register, answer and send real encoded pictures, with faults on demand.

`picture` draws and encodes, `device` speaks GB/T 28181 as a device does. Everything here is said to be simulated in
the picture itself.
"""
