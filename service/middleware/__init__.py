"""What holds for every request, whichever route answers it: plain ASGI middleware, from the outermost to the innermost.

:mod:`~service.middleware.requests` gives each request an ID, counts it and logs it, and answers errors;
:mod:`~service.worker.accounts` gives it a place, and :mod:`~service.middleware.deadlines` a deadline;
:mod:`~service.middleware.browsers` refuses what other web pages send; :mod:`~service.middleware.access` checks its key
and how often that calls; and :mod:`~service.http.bodies` reads its body.
"""
