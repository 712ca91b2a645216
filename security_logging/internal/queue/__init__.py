"""
The queue between a logging handler and a network. Every network destination uses it, with a transport of its own.

A handler holds a queue of `per_process.py`, which starts the thread of `worker.py`. The thread delivers what waits in
`outbox.py`, and tries again after a pause of `pauses.py` when a delivery fails.
"""
