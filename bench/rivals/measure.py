"""Rates: queries answered a second, by a warm system, for at least a given time."""

import itertools
import multiprocessing
import time

WARM_UP = 0.2  # Unmeasured calls before each rate, as a share of its time; `elanus bench` does the same.


def loop(call, items, seconds, clock=time.perf_counter):
    """Calls on the items in turn, round and round, until the time is up. Returns (calls, seconds taken)."""
    calls, start = 0, clock()
    for item in itertools.cycle(items):
        call(item)
        calls += 1
        taken = clock() - start
        if taken >= seconds:
            return calls, taken


def client(call, items, seconds, ready, results):
    loop(call, items, seconds * WARM_UP)
    ready.wait()
    results.put(loop(call, items, seconds))


def concurrent(call, items, clients, seconds):
    """Calls a second from several clients at once, each a forked process with its share of the items: they share the
    index's memory, and no interpreter lock stands between them."""
    fork = multiprocessing.get_context("fork")
    ready, results = fork.Barrier(clients), fork.SimpleQueue()
    shares = [(call, items[i::clients], seconds, ready, results) for i in range(clients)]
    processes = [fork.Process(target=client, args=share) for share in shares]
    for process in processes:
        process.start()
    rates = [calls / taken for calls, taken in (results.get() for _ in processes)]
    for process in processes:
        process.join()
    return sum(rates)


def rate(rival, queries, search, k, threads, batch, seconds, clock=time.perf_counter):
    """Queries a second of a rival. A batch of one is a loop of single calls, by as many clients as there are threads;
    a larger one is the library's batch call on its own threads, or that loop again where it has no batch call. On one
    thread the clock may be time.process_time: then other load on the machine tells less."""
    if batch == 1 or not rival.BATCHES:
        rival.configure(search, k, 1)
        requests = rival.requests(queries)
        if threads > 1:
            return concurrent(rival.one, requests, threads, seconds)
        loop(rival.one, requests, seconds * WARM_UP)
        calls, taken = loop(rival.one, requests, seconds, clock)
        return calls / taken
    rival.configure(search, k, threads)
    parts = [rival.batches(queries[i : i + batch]) for i in range(0, len(queries), batch)]
    parts = [part for part in parts if len(part) == min(batch, len(queries))]
    loop(rival.many, parts, seconds * WARM_UP)
    calls, taken = loop(rival.many, parts, seconds, clock)
    return calls * len(parts[0]) / taken


def call_overhead(adapter, data, k, seconds):
    """Seconds that one call costs before it does work: a single query on an index of k rows of the same kind."""
    small = type(data)(**{**vars(data), "base": data.base[:k].copy()})
    rival = adapter(small, adapter.SMALL)
    rival.construct(1)
    return 1 / rate(rival, data.queries[:100], {}, k, 1, 1, seconds)
