"""Adapters for packed bits: FAISS (Hamming), USearch and RDKit (their common face: rivals.py)."""

import numpy as np

from rivals import Rival
from rivals_dense import Faiss


class FaissBinary(Faiss):
    """FAISS' Hamming indexes over packed bits."""

    SMALL = {"spec": "BFlat"}

    def construct(self, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.index_binary_factory(self.data.base.shape[1] * 8, self.build["spec"])
        self.index.train(self.data.base)
        self.index.add(self.data.base)

    def save(self, path):
        import faiss

        faiss.write_index_binary(self.index, str(path))

    def load(self, path):
        import faiss

        self.index = faiss.read_index_binary(str(path))

    def configure(self, search, k, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.k = k
        for name, value in search.items():
            setattr(self.index, name, value)

    def requests(self, queries):
        return [row[None, :] for row in queries]

    def batches(self, queries):
        return queries


class UsearchExact(Rival):
    """USearch's exact scan of an index's rows; the graph is not used, so the smallest one is built. On one thread this
    is four times as fast as usearch.index.search over the same rows."""

    def empty(self):
        from usearch.index import Index, MetricKind

        return Index(
            ndim=self.data.base.shape[1] * 8,
            metric={"HAMMING": MetricKind.Hamming, "JACCARD": MetricKind.Tanimoto}[self.data.metric],
            dtype="b1",
            connectivity=2,
            expansion_add=1,
            enable_key_lookups=False,
        )

    def construct(self, threads):
        self.index = self.empty()
        self.index.add(np.arange(len(self.data.base)), self.data.base, threads=threads)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path):
        self.index = self.empty()
        self.index.load(str(path))

    def configure(self, search, k, threads):
        del search
        self.k, self.threads = k, threads

    def requests(self, queries):
        return list(queries)

    def batches(self, queries):
        return queries

    def one(self, request):
        return self.index.search(request, self.k, threads=self.threads, exact=True)

    many = one

    def ids(self, reply):
        return reply.keys.astype(np.int64)


class Rdkit(Rival):
    """RDKit's bulk Tanimoto similarity and NumPy's selection: it has neither an index nor a batch call."""

    BATCHES = False

    def construct(self, threads):
        del threads
        self.rows = self.requests(self.data.base)

    def save(self, path):
        with open(path, "wb") as file:
            np.save(file, self.data.base)

    def load(self, path):
        del path
        self.rows = self.requests(self.data.base)

    def configure(self, search, k, threads):
        del search, threads
        self.k = k

    def requests(self, queries):
        from rdkit import DataStructs

        return [DataStructs.CreateFromFPSText(row.tobytes().hex()) for row in queries]

    def one(self, request):
        from rdkit import DataStructs

        likeness = np.fromiter(DataStructs.BulkTanimotoSimilarity(request, self.rows), np.float64, len(self.rows))
        return np.argpartition(likeness, len(likeness) - self.k)[-self.k :]
