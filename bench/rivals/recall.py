"""Recall, by one definition for every system that is measured.

A returned row is right when its exact distance to the query is no worse than that of the k-th true neighbour, so
that any of several rows at the k-th distance counts. A row returned twice counts once, a missing row (-1) is wrong.
Exact means integers for bytes and bits, float64 for half and single floats, recomputed here from the vectors.
"""

import numpy as np

CHUNK = 500  # Queries whose neighbours are gathered at once: bounds the memory to about 20 MB at 384 dimensions.
FLOAT_SLACK = 1e-6  # Relative: two float rows this near to each other are called tied.


def distances(metric, queries, rows):
    """Distance of each query (n, d) to its own rows (n, m, d), as (n, m) float64; smaller is nearer."""
    if metric in ("HAMMING", "JACCARD"):
        differ = np.bitwise_count(queries[:, None] ^ rows) if hasattr(np, "bitwise_count") else None
        if differ is None:  # NumPy before 2.0.
            differ = np.unpackbits(queries[:, None] ^ rows, axis=2)
            either = np.unpackbits(queries[:, None] | rows, axis=2)
        else:
            either = np.bitwise_count(queries[:, None] | rows)
        differ = differ.sum(axis=2, dtype=np.int64)
        if metric == "HAMMING":
            return differ.astype(np.float64)
        either = either.sum(axis=2, dtype=np.int64)
        return differ / np.maximum(either, 1)
    queries = queries.astype(np.float64)
    rows = rows.astype(np.float64)
    if metric == "L2":
        return ((rows - queries[:, None]) ** 2).sum(axis=2)
    products = np.einsum("nmd,nd->nm", rows, queries)
    if metric == "IP":
        return -products
    if metric == "COSINE":
        lengths = np.linalg.norm(rows, axis=2) * np.linalg.norm(queries, axis=1)[:, None]
        return -products / np.maximum(lengths, np.finfo(np.float64).tiny)
    raise ValueError(f"metric {metric} is not one of L2, IP, COSINE, HAMMING, JACCARD")


def hits(metric, base, queries, truth, found, k):
    """Number of right rows for each query: truth (n, >= k) true ids best first, found (n, <= k) returned ids."""
    counts = np.zeros(len(queries), dtype=np.int64)
    for start in range(0, len(queries), CHUNK):
        part = slice(start, min(start + CHUNK, len(queries)))
        ids = np.array(found[part, :k], dtype=np.int64)
        limit = distances(metric, queries[part], base[truth[part, k - 1 : k]])
        near = distances(metric, queries[part], base[np.maximum(ids, 0)])
        right = near <= limit + FLOAT_SLACK * np.abs(limit)
        order = np.argsort(ids, axis=1, kind="stable")
        ranked = np.take_along_axis(ids, order, axis=1)
        repeat = np.zeros(ids.shape, dtype=bool)
        np.put_along_axis(repeat, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
        counts[part] = (right & (ids >= 0) & ~repeat).sum(axis=1)
    return counts


def recall(metric, base, queries, truth, found, k):
    """Mean share of the k true neighbours that were found, over all queries."""
    return float(hits(metric, base, queries, truth, found, k).sum()) / (k * len(queries))
