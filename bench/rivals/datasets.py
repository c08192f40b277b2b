"""The data sets: vectors, queries and exact neighbours, read from the folders that --data names."""

import dataclasses
import gzip
import pathlib
import shutil

import numpy as np

# name: (metric, base file, query file, file of true ids). bvecs: image descriptors; f16 npy: unit-length sentence
# vectors; uint8 npy: fingerprints of 1,024 bits, least significant bit first.
SETS = {
    "sift": ("L2", "sift_base.bvecs", "sift_query.bvecs", "sift_gt_l2_ids.ivecs"),
    "text": ("IP", "text_base_f16.npy", "text_query_f16.npy", "text_gt_ip_ids.ivecs"),
    "mol-hamming": ("HAMMING", "mol_base_morgan1024.npy", "mol_query_morgan1024.npy", "mol_gt_hamming_ids.ivecs"),
    "mol-jaccard": ("JACCARD", "mol_base_morgan1024.npy", "mol_query_morgan1024.npy", "mol_gt_jaccard_ids.ivecs"),
}


@dataclasses.dataclass
class Dataset:
    """One set. base and queries: (rows, columns) in the file's own type; truth: (queries, 100) ids, best first."""

    name: str
    metric: str
    base: np.ndarray
    queries: np.ndarray
    truth: np.ndarray
    base_path: pathlib.Path
    query_path: pathlib.Path
    truth_path: pathlib.Path

    @property
    def binary(self):
        return self.metric in ("HAMMING", "JACCARD")

    def floats(self, rows):
        """Rows as the contiguous float32 that most rivals take."""
        return np.ascontiguousarray(rows, dtype=np.float32)


def find(folders, name, work):
    """Path of a data file in the first folder that has it; a gzipped one is unpacked into the work folder."""
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    unpacked = work / "data" / name
    for folder in folders:
        packed = folder / (name + ".gz")
        if packed.exists():
            if not unpacked.exists():
                unpacked.parent.mkdir(parents=True, exist_ok=True)
                partial = unpacked.with_suffix(".part")
                with gzip.open(packed, "rb") as source, open(partial, "wb") as target:
                    shutil.copyfileobj(source, target)
                partial.rename(unpacked)
            return unpacked
    looked = ", ".join(map(str, folders))
    raise FileNotFoundError(f"{name} is in none of the folders {looked}; name its folder by --data")


def read(path):
    """A matrix from .bvecs, .fvecs, .ivecs (each row after its int32 length) or .npy, mapped where that is possible."""
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    kinds = {".bvecs": (np.uint8, 4), ".fvecs": (np.float32, 1), ".ivecs": (np.int32, 1)}
    if path.suffix not in kinds:
        raise ValueError(f"{path}: the ending is not one of .npy, .bvecs, .fvecs, .ivecs")
    kind, header = kinds[path.suffix]
    columns = int(np.fromfile(path, dtype=np.int32, count=1)[0])
    flat = np.memmap(path, dtype=kind, mode="r")
    return flat.reshape(-1, columns + header)[:, header:]


def write(path, rows):
    """Writes a matrix as .bvecs, .fvecs or .ivecs, or as .npy, by the path's ending."""
    if path.suffix == ".npy":
        np.save(path, rows)
        return
    header = np.full((len(rows), 1), rows.shape[1], dtype=np.int32)
    kind = {".bvecs": np.uint8, ".fvecs": np.float32, ".ivecs": np.int32}[path.suffix]
    np.hstack([header.view(kind), np.ascontiguousarray(rows, dtype=kind)]).tofile(path)


def load(name, folders, work, sets=None):
    """The set of that name in sets (in SETS if none are given)."""
    metric, *files = (sets or SETS)[name]
    paths = [find(folders, file, work) for file in files]
    base, queries, truth = (np.ascontiguousarray(read(path)) for path in paths)
    return Dataset(name, metric, base, queries, truth, *paths)
