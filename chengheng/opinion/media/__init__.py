"""What lies in pictures, video, sound and subtitle files attached to items, brought out as words.

`sandbox.py` opens the files in a process of its own, `looking.py` starts and bounds it, `subtitles.py` reads subtitle
files, `speech.py` asks the operator's recogniser. What becomes of the words is in `actions/media.py`.
"""
