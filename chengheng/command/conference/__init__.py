"""Conferences: meetings of the venues with picture and sound. A room within command, of the same shape.

Rows are the truth: an act changes rows and announces the meeting when it commits; the live process hears that and makes
Janus agree with the rows. So it does not matter which process dies: the next one reads the rows.
"""
