"""What the standards and contracts say: pure functions and tables; no database, no clock, no I/O.

`spans` turns states of devices into normal time, `watch` turns single probe results into states, `service` judges
response times and penalties.
"""
