"""What runs in the live process: the gateway between browsers and Janus. One asyncio loop; nothing here may block.

`janus` the connection to the engine; `legs` what one browser sends and receives through it; `room` a running meeting;
`web` the routes, and the ear for announcements. Rows are the truth: rooms are made to agree with them, never the other
way round. What must not go in: deciding who may do what (`verbs`, `actions`).
"""
