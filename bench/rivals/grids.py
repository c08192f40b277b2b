"""Which rivals stand against which family of indexes, and the builds and search parameters that `tune` tries.

An entry is one build of one library with the search parameter that trades recall for speed. `effort` is that
parameter and its range; recall rises with it. `others` are further search parameters, each combination tried.
Builds follow each library's own published advice for data of this size and kind: about sqrt(rows) to 8 sqrt(rows)
lists; half a dimension a code for 4-bit products with re-scoring; M = 16 to 32 and efConstruction = 200; the smallest
number type that loses nothing (the image descriptors are bytes, the text vectors are half floats).
"""

import itertools

FAMILIES = {
    "sift": ["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "HNSW", "ANNOY"],
    "text": ["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "HNSW", "ANNOY"],
    "mol-hamming": ["BIN_FLAT", "BIN_IVF_FLAT"],
    "mol-jaccard": ["BIN_FLAT", "BIN_IVF_FLAT"],
}
EXACT = ("FLAT", "BIN_FLAT")
TARGETS = (0.90, 0.95, 0.99)


def targets(family):
    """The recall that a family is asked for."""
    return (1.0,) if family in EXACT else TARGETS


def entry(library, build, effort=None, **others):
    return {"library": library, "build": build, "effort": effort, "others": others}


def exact(library, spec=None):
    return entry(library, {"spec": spec} if spec else {})


def lists(library, specs, share=2, **fields):
    """Inverted lists by FAISS' factory strings, which begin IVFn or BIVFn; at most n / share of them are visited."""
    counts = [int(spec.split(",")[0].lstrip("BIVF")) for spec in specs]
    return [
        entry(library, {"spec": spec, **fields}, ("nprobe", 1, count // share)) for spec, count in zip(specs, counts)
    ]


def fast_scan(specs):
    made = lists("Faiss", specs, share=4)
    for one in made:
        one["others"] = {"k_factor_rf": [4, 8, 16]}
    return made


def scann(leaves, threshold, reorder, soar=None):
    build = {"leaves": leaves, "dims_per_block": 2, "threshold": threshold, "reorder": reorder, "soar": soar}
    return entry("Scann", build, ("leaves", 1, leaves // 4), reorder=[40, 80, 160])


def graphs(library, builds, name="ef"):
    return [entry(library, build, (name, 10, 4000)) for build in builds]


def faiss_graphs(specs):
    return graphs("Faiss", [{"spec": spec, "ef_construction": 200} for spec in specs], "efSearch")


def hnswlib(*links):
    return graphs("Hnswlib", [{"M": m, "ef_construction": 200} for m in links])


def usearch(dtype, *links):
    return graphs("Usearch", [{"dtype": dtype, "connectivity": m, "expansion_add": 200} for m in links])


def annoy(*trees):
    return [entry("Annoy", {"trees": n}, ("search_k", 10, 400000)) for n in trees]


BITS_LISTS = lists("FaissBinary", ["BIVF256", "BIVF512", "BIVF1024"])
RIVALS = {
    ("sift", "FLAT"): [exact("Faiss", "Flat"), exact("Faiss", "SQ8_direct")],
    ("sift", "IVF_FLAT"): lists("Faiss", ["IVF1024,Flat", "IVF2048,Flat", "IVF4096,Flat"]),
    ("sift", "IVF_SQ8"): lists("Faiss", ["IVF1024,SQ8", "IVF2048,SQ8"])
    + lists("Faiss", ["IVF2048,SQ8_direct"], by_residual=False),
    ("sift", "IVF_PQ"): fast_scan(["IVF1024,PQ64x4fs,RFlat", "IVF2048,PQ64x4fs,RFlat", "IVF2048,PQ32x4fs,RFlat"])
    + [scann(1000, None, "FLOAT32"), scann(2000, 0.2, "FLOAT32"), scann(2000, None, "INT8")],
    ("sift", "HNSW"): hnswlib(16) + faiss_graphs(["HNSW16,SQ8_direct"]) + usearch("u8", 16),
    ("sift", "ANNOY"): annoy(100),
    ("text", "FLAT"): [exact("Faiss", "Flat"), exact("Faiss", "SQfp16")],
    ("text", "IVF_FLAT"): lists("Faiss", ["IVF1024,Flat", "IVF1024,SQfp16"]),
    ("text", "IVF_SQ8"): lists("Faiss", ["IVF1024,SQ8"]),
    ("text", "IVF_PQ"): fast_scan(["IVF512,PQ192x4fs,RFlat", "IVF1024,PQ192x4fs,RFlat"])
    + [scann(1000, 0.2, "FLOAT32"), scann(1000, 0.2, "BFLOAT16", 1.5)],
    ("text", "HNSW"): hnswlib(16) + faiss_graphs(["HNSW16,SQfp16"]) + usearch("f16", 16),
    ("text", "ANNOY"): annoy(100),
    ("mol-hamming", "BIN_FLAT"): [exact("FaissBinary", "BFlat"), exact("UsearchExact")],
    ("mol-hamming", "BIN_IVF_FLAT"): BITS_LISTS,
    ("mol-jaccard", "BIN_FLAT"): [exact("UsearchExact"), exact("Rdkit")],
    ("mol-jaccard", "BIN_IVF_FLAT"): [exact("UsearchExact"), exact("Rdkit")],
}


def searches(one):
    """Every combination of an entry's other search parameters."""
    names = list(one["others"])
    for values in itertools.product(*one["others"].values()):
        yield dict(zip(names, values))


def ours(builds, effort=None, **others):
    """Elanus' own builds and search parameters."""
    return [entry("Elanus", build, effort, **others) for build in builds]


def our_lists(counts, build=None, share=2, **others):
    made = []
    for count in counts:
        made += ours([{"nlist": count, **(build or {})}], ("nprobe", 1, count // share), **others)
    return made


ELANUS = {
    ("sift", "FLAT"): ours([{}]),
    ("sift", "IVF_FLAT"): our_lists([1024, 2048, 4096]),
    ("sift", "IVF_SQ8"): our_lists([1024, 2048]),
    ("sift", "IVF_PQ"): our_lists([1024, 2048], {"nbits": 4, "m": 64}, 4, refine_k=[20, 40, 80, 160]),
    ("sift", "HNSW"): ours([{"M": 16, "efConstruction": 200}], ("ef", 10, 4000)),
    ("sift", "ANNOY"): ours([{"n_trees": 100}], ("search_k", 10, 400000)),
    ("text", "FLAT"): ours([{}]),
    ("text", "IVF_FLAT"): our_lists([1024, 2048]),
    ("text", "IVF_SQ8"): our_lists([1024]) + our_lists([1024], {"refine": 1}),
    ("text", "IVF_PQ"): our_lists([1024], {"nbits": 4, "m": 96}, 2, refine_k=[100, 200, 400])
    + our_lists([1024], {"nbits": 4, "m": 128}, 2, refine_k=[100, 200])
    + our_lists([1024], {"nbits": 4, "m": 192}, 2, refine_k=[40]),
    ("text", "HNSW"): ours([{"M": 16, "efConstruction": 200}], ("ef", 10, 4000)),
    ("text", "ANNOY"): ours([{"n_trees": 100}], ("search_k", 10, 400000)),
    ("mol-hamming", "BIN_FLAT"): ours([{}]),
    ("mol-hamming", "BIN_IVF_FLAT"): our_lists([256, 512, 1024]),
    ("mol-jaccard", "BIN_FLAT"): ours([{}]),
    ("mol-jaccard", "BIN_IVF_FLAT"): our_lists([256, 512, 1024]),
}
