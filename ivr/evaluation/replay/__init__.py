"""`ivr replay`: recorded calls through today's listener, recogniser, intents, gate and dialogue: docs/replay.md.

::

    call_history     the turns of a call, read from its events (pure)
    recording        the caller's audio as frames, with their probability of speech
    turn_trace       when the prompt played and how long decodes took, as the live listener noted it
    engines          today's recogniser and intents, outside the virtual time of the replay
    audio_replay     one turn of the recording through today's listener
    dialogue_replay  today's dialogue, led to any turn of the call
    diff             what differs from the call, and which part caused it
    call_replay      one call, from its recording to its report
    jobs, ray_pool   many calls: cache, process pool, Ray
    golden           named sets of calls with the decisions expected of them
    golden_gate      the golden calls before a publication
    erasure          deletes what replays keep of a call
    report, command  tables, HTML and JUnit XML; the command line
"""
