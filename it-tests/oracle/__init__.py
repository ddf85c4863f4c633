"""What the differential test and the crash test have in common: system calls that Python's library lacks, mounts with a time
limit, snapshots of trees, and a sandbox that leaves nothing behind.

Nothing here shares a line with the program under test, so that a mistake there cannot hide behind the same mistake here.
"""
