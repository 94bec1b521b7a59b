"""The prober: asks every device at its own moment, and keeps exactly when it stopped or began to answer.

`probes` asks once (network only, no database), `engine` keeps the schedule and the states, `process` makes it a process
of the site and talks to the database. One asyncio loop; nothing in it blocks.
"""
