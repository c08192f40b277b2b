"""The bench on the sample in the tree, with Elanus alone: every family is built, tuned to a recall and timed, so that
a change of the tool's spellings or output shows in the tests, where no rival is installed. Its rates mean nothing."""

import pathlib
import tempfile

import datasets
import elanus
import grids
import tune

SAMPLES = {
    "image": ("L2", "image_base.bvecs", "image_query.bvecs", "image_truth_l2_ids.ivecs"),
    "text": ("IP", "text_base.fvecs", "text_query.fvecs", "text_truth_ip_ids.ivecs"),
    "molecule": ("JACCARD", "molecule_base.npy", "molecule_query.npy", "molecule_truth_jaccard_ids.ivecs"),
}
FLOATS = {
    "FLAT": grids.ours([{}]),
    "IVF_FLAT": grids.our_lists([16], share=1),
    "IVF_SQ8": grids.our_lists([16], share=1),
    "IVF_PQ": grids.our_lists([16], {"nbits": 4}, 1, refine_k=[100]),
    "HNSW": grids.ours([{"M": 8, "efConstruction": 40}], ("ef", 10, 1000)),
    "ANNOY": grids.ours([{"n_trees": 8}], ("search_k", 10, 40000)),
}
SECONDS = 0.02
BITS = {"BIN_FLAT": grids.ours([{}]), "BIN_IVF_FLAT": grids.our_lists([16], share=1)}


def run(options, root, wanted, say):
    """0 when every family reaches its target on every sample, 1 otherwise."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-rivals-") as folder:
        work = pathlib.Path(folder)
        for name in SAMPLES:
            data = datasets.load(name, [root / "tests" / "data"], work, SAMPLES)
            for family, entries in (BITS if data.binary else FLOATS).items():
                goals = (1.0,) if family in grids.EXACT else (0.95,)
                for entry in entries if wanted(name, family) else []:
                    system = elanus.Elanus(options.elanus, entry, family, data, work, say)
                    for point in tune.tune(entry, name, family, system, SECONDS, set(), goals):
                        say(tune.text(point))
                        missed += point["search"] is None or min(point["rates"].values()) <= 0
    say(f"{missed} targets missed")
    return int(missed > 0)
