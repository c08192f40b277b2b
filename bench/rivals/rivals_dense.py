"""Adapters for float vectors: FAISS, hnswlib, USearch, ScaNN and Annoy (their common face: rivals.py)."""

import numpy as np

from rivals import Rival


class Faiss(Rival):
    """FAISS by its index factory. build: spec, and fields to set before training."""

    SMALL = {"spec": "Flat"}

    def construct(self, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        metric = {"L2": faiss.METRIC_L2, "IP": faiss.METRIC_INNER_PRODUCT}[self.data.metric]
        self.index = faiss.index_factory(self.data.base.shape[1], self.build["spec"], metric)
        inner = faiss.downcast_index(getattr(self.index, "base_index", self.index))
        if "ef_construction" in self.build:
            inner.hnsw.efConstruction = self.build["ef_construction"]
        if "by_residual" in self.build:
            inner.by_residual = self.build["by_residual"]
        base = self.data.floats(self.data.base)
        self.index.train(base)
        self.index.add(base)

    def save(self, path):
        import faiss

        faiss.write_index(self.index, str(path))

    def load(self, path):
        import faiss

        self.index = faiss.read_index(str(path))

    def configure(self, search, k, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.k = k
        for name, value in search.items():
            faiss.ParameterSpace().set_index_parameter(self.index, name, value)

    def one(self, request):
        return self.index.search(request, self.k)[1]

    many = one


class Hnswlib(Rival):
    SMALL = {"M": 16, "ef_construction": 16}

    def construct(self, threads):
        rows, columns = self.data.base.shape
        self.index = self.empty(columns)
        self.index.init_index(rows, M=self.build["M"], ef_construction=self.build["ef_construction"])
        self.index.add_items(self.data.floats(self.data.base), num_threads=threads)

    def empty(self, columns):
        import hnswlib

        return hnswlib.Index(space={"L2": "l2", "IP": "ip"}[self.data.metric], dim=columns)

    def save(self, path):
        self.index.save_index(str(path))

    def load(self, path):
        self.index = self.empty(self.data.base.shape[1])
        self.index.load_index(str(path))

    def configure(self, search, k, threads):
        self.k, self.threads = k, threads
        self.index.set_ef(search.get("ef", k))

    def one(self, request):
        return self.index.knn_query(request, k=self.k, num_threads=self.threads)[0]

    many = one


class Usearch(Rival):
    """USearch's graph. build: dtype u8, f16 or f32, connectivity, expansion_add."""

    SMALL = {"dtype": "f32", "connectivity": 16, "expansion_add": 16}

    def empty(self):
        from usearch.index import Index

        return Index(
            ndim=self.data.base.shape[1],
            metric={"L2": "l2sq", "IP": "ip"}[self.data.metric],
            dtype=self.build["dtype"],
            connectivity=self.build["connectivity"],
            expansion_add=self.build["expansion_add"],
            enable_key_lookups=False,
        )

    def typed(self, rows):
        kind = {"u8": np.uint8, "f16": np.float16, "f32": np.float32}[self.build["dtype"]]
        return np.ascontiguousarray(rows, dtype=kind)

    def construct(self, threads):
        self.index = self.empty()
        rows = self.typed(self.data.base)
        self.index.add(np.arange(len(rows)), rows, threads=threads, dtype=self.build["dtype"], copy=True)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path):
        self.index = self.empty()
        self.index.load(str(path))

    def configure(self, search, k, threads):
        self.k, self.threads = k, threads
        self.index.expansion_search = search.get("ef", k)

    def requests(self, queries):
        return list(self.typed(queries))

    def batches(self, queries):
        return self.typed(queries)

    def one(self, request):
        return self.index.search(request, self.k, threads=self.threads, dtype=self.build["dtype"])

    many = one

    def ids(self, reply):
        return reply.keys.astype(np.int64)


class Scann(Rival):
    """ScaNN: partitions, 4-bit products, re-ordering. build: leaves, dims_per_block, threshold (of the anisotropic
    loss, None for none), reorder (the type that it re-scores with), soar (the spilling weight, None for none)."""

    SMALL = {}

    def construct(self, threads):
        import scann
        from scann.scann_ops.py.scann_builder import ReorderType

        base = self.data.floats(self.data.base)
        metric = {"L2": "squared_l2", "IP": "dot_product"}[self.data.metric]
        builder = scann.scann_ops_pybind.builder(base, 10, metric).set_n_training_threads(threads)
        if not self.build:
            self.index = builder.score_brute_force().build()
            return
        spill = {} if self.build["soar"] is None else {"soar_lambda": self.build["soar"], "overretrieve_factor": 2.0}
        builder = builder.tree(self.build["leaves"], 10, training_sample_size=len(base) // 2, **spill)
        loss = self.build["threshold"]
        builder = builder.score_ah(
            self.build["dims_per_block"], anisotropic_quantization_threshold=float("nan") if loss is None else loss
        )
        self.index = builder.reorder(100, quantize=ReorderType[self.build["reorder"]]).build()

    def save(self, path):
        path.mkdir(parents=True, exist_ok=True)
        self.index.serialize(str(path))

    def load(self, path):
        import scann

        self.index = scann.scann_ops_pybind.load_searcher(str(path))

    def configure(self, search, k, threads):
        self.k, self.threads = k, threads
        self.leaves, self.reorder = search.get("leaves", -1), search.get("reorder", -1)
        self.index.set_num_threads(threads)

    def requests(self, queries):
        return list(self.data.floats(queries))

    def one(self, request):
        return self.index.search(request, self.k, self.reorder, self.leaves)

    def many(self, queries):
        if self.threads == 1:
            return self.index.search_batched(queries, self.k, self.reorder, self.leaves)
        return self.index.search_batched_parallel(queries, self.k, self.reorder, self.leaves)

    def ids(self, reply):
        return np.asarray(reply[0]).astype(np.int64)


class Annoy(Rival):
    """Annoy has no batch call: a batch is a loop of single calls. build: trees."""

    SMALL = {"trees": 1}
    BATCHES = False

    def empty(self):
        import annoy

        # The angular kind orders unit vectors as the inner product does, without the extra dimension of "dot".
        return annoy.AnnoyIndex(self.data.base.shape[1], {"L2": "euclidean", "IP": "angular"}[self.data.metric])

    def construct(self, threads):
        self.index = self.empty()
        self.index.set_seed(1)
        for row, vector in enumerate(self.data.floats(self.data.base)):
            self.index.add_item(row, vector)
        self.index.build(self.build["trees"], n_jobs=threads)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path):
        self.index = self.empty()
        self.index.load(str(path), prefault=True)

    def configure(self, search, k, threads):
        del threads
        self.k, self.search_k = k, search.get("search_k", -1)

    def requests(self, queries):
        return self.data.floats(queries).tolist()

    def one(self, request):
        return self.index.get_nns_by_vector(request, self.k, self.search_k)
