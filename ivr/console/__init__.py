"""The console process: the HTTP interface for staff and their programs, and background jobs.

It runs beside the calls and reads and writes the store.  Calls never wait for it and go on without it.  A new
resource is a module of ``api`` with a ``router``, listed in ``app.ROUTERS``.  A new job is a class in ``jobs`` with a
``name`` and a ``run``, listed in ``registry.JOBS``.
"""
