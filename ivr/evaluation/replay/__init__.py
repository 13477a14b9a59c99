"""`ivr replay`: recorded calls through today's ear, recogniser, intents, gate and dialogue: docs/replay.md.

::

    story      events of a call -> its turns, as they were (pure)
    sound      a recording -> frames on the ear's own grid, and who speaks in them
    engines    recogniser and intents of today, outside of the replay's time
    listening  one turn of the recording through today's ear
    leading    today's dialogue, led to any turn of a call
    judging    then and now -> what differs, and which part made it differ
    calls      one call from its recording to its report
    jobs       many calls: cache, process pool, Ray
    golden     named sets of calls with the decisions that are expected of them
"""
