#!/usr/bin/env python3
"""Writes, or with --check verifies, the exact nearest neighbours of the sample sets and their checksums.

Independent of the library: plain numpy, integers for descriptors and fingerprints, float64 for text,
ties by the lowest id. Needs python3-numpy. Run from anywhere: the files lie beside this script.
"""
import hashlib
import math
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
K = 20
ELEMENTS = {".fvecs": "<f4", ".ivecs": "<i4", ".bvecs": "u1"}
SUMS = "SHA256SUMS"


def read_vecs(path):
    """TEXMEX rows: a little-endian int32 dimension, then the components."""
    element = np.dtype(ELEMENTS[path.suffix])
    raw = np.fromfile(path, np.uint8)
    dim = int(raw[:4].view("<i4")[0])
    rows = raw.reshape(-1, 4 + dim * element.itemsize)
    if (np.ascontiguousarray(rows[:, :4]).view("<i4") != dim).any():
        raise SystemExit(f"{path}: rows of different dimensions")
    return np.ascontiguousarray(rows[:, 4:]).view(element)


def vecs_bytes(values, suffix):
    values = np.ascontiguousarray(values.astype(ELEMENTS[suffix]))
    dims = np.full((len(values), 1), values.shape[1], "<i4").view(np.uint8)
    return np.hstack([dims, values.view(np.uint8).reshape(len(values), -1)]).tobytes()


def squared_l2(queries, base):
    q, b = queries.astype(np.int64), base.astype(np.int64)
    return (q * q).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * (q @ b.T)


def inner_product(queries, base):
    return queries.astype(np.float64) @ base.astype(np.float64).T


def jaccard(queries, base):
    """1 - |a & b| / |a | b|. Equal fractions give equal doubles, so ties are exact."""
    q = np.unpackbits(queries, axis=1).astype(np.int64)
    b = np.unpackbits(base, axis=1).astype(np.int64)
    both = q @ b.T
    either = q.sum(1)[:, None] + b.sum(1)[None, :] - both
    return (either - both) / np.maximum(either, 1) + (either == 0)


# name of the set, suffix of its vectors, metric of the truth, distance function, is larger closer
SETS = [("image", ".bvecs", "l2", squared_l2, False),
        ("text", ".fvecs", "ip", inner_product, True),
        ("molecule", ".npy", "jaccard", jaccard, False)]


def truth(name, suffix, distance, larger_is_closer):
    load = np.load if suffix == ".npy" else read_vecs
    base, queries = load(HERE / f"{name}_base{suffix}"), load(HERE / f"{name}_query{suffix}")
    d = distance(queries, base)
    ids = np.argsort(-d if larger_is_closer else d, axis=1, kind="stable")[:, :K]
    best = np.take_along_axis(d, ids, axis=1)
    if distance is inner_product:  # products of floats are exact in double, fsum is exact too: no BLAS shows through
        for row, (query, hits) in enumerate(zip(queries.astype(float), ids)):
            best[row] = [math.fsum(query * base[hit]) for hit in hits]
    return ids, best


def outputs():
    files = {}
    for name, suffix, metric, distance, larger_is_closer in SETS:
        ids, values = truth(name, suffix, distance, larger_is_closer)
        files[f"{name}_truth_{metric}_ids.ivecs"] = vecs_bytes(ids, ".ivecs")
        files[f"{name}_truth_{metric}_distances.fvecs"] = vecs_bytes(values, ".fvecs")
    return files


def checksums():
    names = sorted(p.name for name, *_ in SETS for p in HERE.glob(f"{name}_*"))
    return "".join(f"{hashlib.sha256((HERE / n).read_bytes()).hexdigest()}  {n}\n" for n in names)


def main():
    check = sys.argv[1:] == ["--check"]
    wrong = []
    for name, content in outputs().items():
        path = HERE / name
        if not check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            wrong.append(name)
    if not check:
        (HERE / SUMS).write_text(checksums())
    elif (HERE / SUMS).read_text() != checksums():
        wrong.append(SUMS)
    for name in wrong:
        print(f"{name}: differs from what make_truth.py computes")
    print(f"sample data: {'checked' if check else 'written'}, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
