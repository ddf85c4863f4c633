"""The crash test: writers at work, the daemon killed, and the question what is left.

    model       what a tree must hold after the acknowledged operations, and may hold after the one in flight
    writers     processes that work in a mount and log, outside of it, what was acknowledged
    rounds      one round: layers, load, kill, look, remount, look again
    sabotage    faults put in on purpose: the proof that the test can fail
"""
