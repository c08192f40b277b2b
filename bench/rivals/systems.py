"""A rival or Elanus behind one face, so that `tune` and `compare` do the same to both:
  recall(search, count)                            recall@10 over the first count queries;
  rate(search, threads, batch, seconds)            queries a second, over all of them in turn for about that time;
  facts                                            {"build_seconds", "bytes"}.
"""

import os
import time

import numpy as np

import cache
import measure
import recall as exact_recall

K = 10


class RivalSystem:
    def __init__(self, entry, data, work, say, again=False):
        self.data = data
        self.rival, self.facts = cache.open_rival(entry, data, work, say, again)

    def found(self, search, count):
        """Ids that the rival returns for the first count queries."""
        rival, queries = self.rival, self.data.queries[:count]
        rival.configure(search, K, os.cpu_count())
        if rival.BATCHES:
            replies = [rival.ids(rival.many(rival.batches(queries[i : i + 1000]))) for i in range(0, count, 1000)]
            return np.vstack(replies)
        return np.vstack([padded(rival.ids(rival.one(request))) for request in rival.requests(queries)])

    def recall(self, search, count):
        data = self.data
        found = self.found(search, count)
        return exact_recall.recall(data.metric, data.base, data.queries[:count], data.truth[:count], found, K)

    def rate(self, search, threads, batch, seconds, clock=time.perf_counter):
        return measure.rate(self.rival, self.data.queries, search, K, threads, batch, seconds, clock)


def padded(ids):
    """A row of K ids; -1 where a library returned fewer."""
    return np.concatenate([ids, np.full(K - len(ids), -1)]) if len(ids) < K else ids
