"""The face that every adapter of a rival library has: rivals_dense.py and rivals_bits.py hold the adapters.

One loop measures them all:
  Rival(data, build)     data: datasets.Dataset; build: the parameters of one index, as in grids.py.
  construct(threads)     builds the index;  save(path), load(path): keeps it on disk.
  configure(search, k, threads)   sets what later calls use.
  requests(queries)      queries in the form that this library answers fastest, converted before the clock starts.
  one(request)           one query through the public Python call; returns the library's own reply, untouched.
  many(queries)          a batch through the library's batch call (BATCHES is False where there is none).
  batches(queries)       queries in the form that many takes.
  ids(reply)             the row numbers in a reply, as an array.
SMALL is a build that any handful of rows can carry; a call on it is the library's floor (see measure.call_overhead).
"""

import numpy as np


class Rival:
    SMALL = {}
    BATCHES = True

    def __init__(self, data, build):
        self.data, self.build = data, build

    def requests(self, queries):
        return [row[None, :] for row in self.data.floats(queries)]

    def batches(self, queries):
        return self.data.floats(queries)

    def ids(self, reply):
        return np.asarray(reply)


def adapter(name):
    """The class of that name, imported only when it is asked for, as each one needs its library installed."""
    import rivals_bits
    import rivals_dense

    classes = vars(rivals_dense) | vars(rivals_bits)
    return classes[name]
