"""The console process: HTTP for the office's staff and programs, and the work that no call waits for.

It runs beside the calls, reads and writes the store, and never holds up a call: when it is away, the line goes
on.  A new resource is a module here with a ``router``, named in ``app.ROUTERS``; new background work is a class
with a ``name`` and a ``run``, named in ``jobs.JOBS``.
"""
