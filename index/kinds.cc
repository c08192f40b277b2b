#include "index/kinds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "index/annoy/annoy.h"
#include "index/binary/binary.h"
#include "index/flat/flat.h"
#include "index/hnsw/hnsw.h"
#include "index/ivf/ivf.h"
#include "index/ivf/lists.h"
#include "index/pq/ivf_pq.h"

namespace elanus::index {
namespace {

using base::Element;

constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();

constexpr Metric kFloatMetrics[] = {Metric::kL2, Metric::kIp, Metric::kCosine};
constexpr Element kNumbers[] = {Element::kF32, Element::kF16, Element::kBf16, Element::kI8, Element::kU8};

constexpr ParamSpec<BuildParams> kHnswBuild[] = {
    {"M", &BuildParams::M, kHnswMMin, kHnswMMax, "links a node and level, twice that on level 0"},
    {"efConstruction", &BuildParams::ef_construction, 1, kEfMax, "candidates kept while inserting a row"},
    {"seed", &BuildParams::seed, 0, kAny, "seed of every random choice"},
};
constexpr ParamSpec<SearchParams> kHnswSearch[] = {
    {"ef", &SearchParams::ef, 0, kEfMax, "candidates kept, at least k; 0: k rounded up, at least 64"},
};
constexpr ParamSpec<BuildParams> kAnnoyBuild[] = {
    {"n_trees", &BuildParams::n_trees, 1, 1024, "trees; more find more and take more memory"},
    {"seed", &BuildParams::seed, 0, kAny, "seed of every random choice"},
};
constexpr ParamSpec<SearchParams> kAnnoySearch[] = {
    {"search_k", &SearchParams::search_k, -1, kAny, "rows gathered from the trees; -1: n_trees * k, k rounded up"},
};
constexpr ParamSpec<BuildParams> kIvfBuild[] = {
    {"nlist", &BuildParams::nlist, 1, kListsMax, "inverted lists; 4 to 16 times the square root of the rows is common"},
    {"seed", &BuildParams::seed, 0, kAny, "seed of every random choice"},
};
constexpr ParamSpec<BuildParams> kIvfSq8Build[] = {
    kIvfBuild[0],
    {"refine", &BuildParams::sq8_refine, 0, 1, "1 keeps the original rows beside the codes: exact distances"},
    kIvfBuild[1],
};
constexpr ParamSpec<SearchParams> kIvfSearch[] = {
    {"nprobe", &SearchParams::nprobe, 1, kListsMax, "lists visited; more find more and take longer"},
};

constexpr ParamSpec<BuildParams> kIvfPqBuild[] = {
    {"nlist", &BuildParams::nlist, 1, kListsMax, "inverted lists; 4 to 16 times the square root of the rows is common"},
    {"m", &BuildParams::m, 0, 65'536, "codes a row, a divisor of the dimension; 0: dim / 2 (4 bits), dim / 4 (8 bits)"},
    {"nbits", &BuildParams::nbits, 4, 8, "bits a code: 4 or 8"},
    {"rotate", &BuildParams::rotate, 0, 1, "1: a random rotation first, for components of unequal variance"},
    {"refine", &BuildParams::refine, 0, 1, "1: keep the rows and re-score the best exactly"},
    {"seed", &BuildParams::seed, 0, kAny, "seed of every random choice"},
};
constexpr ParamSpec<SearchParams> kIvfPqSearch[] = {
    {"nprobe", &SearchParams::nprobe, 1, kListsMax, "lists visited; more find more and take longer"},
    {"refine_k", &SearchParams::refine_k, 0, kAny, "best estimates re-scored; 0: 4 * k, k rounded up"},
};

constexpr Metric kBitMetrics[] = {Metric::kHamming, Metric::kJaccard, Metric::kTanimoto, Metric::kSubstructure,
                                  Metric::kSuperstructure};
constexpr Element kBits[] = {Element::kBit};

constexpr KindRow kKinds[] = {
    {Kind::kFlat, "exact: scans every row", kFloatMetrics, kNumbers, {}, {}, PlanFlat, BuildFlat, OpenFlat},
    {Kind::kIvfFlat, "inverted lists: scans the lists nearest to the query", kFloatMetrics, kNumbers, kIvfBuild,
     kIvfSearch, PlanIvf, BuildIvfFlat, OpenIvf},
    {Kind::kIvfSq8, "inverted lists of 8-bit codes: a quarter of the memory of fp32 rows", kFloatMetrics, kNumbers,
     kIvfSq8Build, kIvfSearch, PlanIvf, BuildIvfSq8, OpenIvf},
    {Kind::kIvfPq, "inverted lists of product-quantised rows, the best re-scored", kFloatMetrics, kNumbers, kIvfPqBuild,
     kIvfPqSearch, PlanIvfPq, BuildIvfPq, OpenIvfPq},
    {Kind::kHnsw, "navigable small-world graph", kFloatMetrics, kNumbers, kHnswBuild, kHnswSearch, PlanHnsw, BuildHnsw,
     OpenHnsw},
    {Kind::kAnnoy, "random hyperplane trees", kFloatMetrics, kNumbers, kAnnoyBuild, kAnnoySearch, PlanAnnoy, BuildAnnoy,
     OpenAnnoy},
    {Kind::kBinFlat,
     "bits, exact: scans the columns of the query's set bits",
     kBitMetrics,
     kBits,
     {},
     {},
     PlanBinFlat,
     BuildBinFlat,
     OpenBinFlat},
    {Kind::kBinIvfFlat, "bits, inverted lists: scans the lists nearest to the query; containment stays exact",
     kBitMetrics, kBits, kIvfBuild, kIvfSearch, PlanBinIvfFlat, BuildBinIvfFlat, OpenBinIvfFlat},
};

template <class T>
bool Contains(absl::Span<const T> all, T value) {
  return std::find(all.begin(), all.end(), value) != all.end();
}

absl::Status CheckSpec(const KindRow& kind, const Spec& spec) {
  if (!Contains(kind.metrics, spec.metric)) {
    return absl::InvalidArgumentError(absl::StrCat(
        KindName(spec.kind), " does not support metric ", MetricName(spec.metric), "; supported: ",
        absl::StrJoin(kind.metrics, ", ", [](std::string* out, Metric m) { absl::StrAppend(out, MetricName(m)); })));
  }
  if (!Contains(kind.elements, spec.element)) {
    return absl::InvalidArgumentError(absl::StrCat(
        KindName(spec.kind), " does not support ", ElementName(spec.element), " rows; supported: ",
        absl::StrJoin(kind.elements, ", ", [](std::string* out, Element e) { absl::StrAppend(out, ElementName(e)); })));
  }
  const std::uint32_t dim_max = base::DimMax(spec.element);
  if (spec.dim < 1 || spec.dim > dim_max) {
    return absl::InvalidArgumentError(absl::StrCat("dimension (", spec.dim, ") of ", ElementName(spec.element),
                                                   " rows should be in range [1, ", dim_max, "]"));
  }
  if (spec.rows < 1 || spec.rows > base::kRowsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows (", spec.rows, ") should be in range [1, ", base::kRowsMax, "]"));
  }
  return absl::OkStatus();
}

/// Names the first value of the base that is NaN or infinite.
absl::Status CheckFinite(const BuildRequest& request) {
  const simd::RowToFloat to_float = request.kernels->distance.to_float[static_cast<int>(request.base.element)];
  std::mutex mutex;
  std::uint64_t bad_row = request.base.count;
  request.pool->ParallelFor(request.base.count, 4096, [&](std::uint64_t begin, std::uint64_t end) {
    std::vector<float> values(request.base.dim);
    for (std::uint64_t row = begin; row < end && !request.monitor.cancelled(); ++row) {
      to_float(request.base.row(row), request.base.dim, values.data());
      // x * 0 is 0 for every finite x and NaN for the rest: cheaper than a test a component.
      float sum = 0;
      for (const float value : values) sum += value * 0.0f;
      if (sum == 0.0f) continue;
      const std::lock_guard lock(mutex);
      bad_row = std::min(bad_row, row);
      return;
    }
  });
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  if (bad_row == request.base.count) return absl::OkStatus();
  std::vector<float> values(request.base.dim);
  to_float(request.base.row(bad_row), request.base.dim, values.data());
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  return absl::InvalidArgumentError(absl::StrCat("base row ", bad_row, ", component ", bad - values.begin(), " is ",
                                                 *bad, ": every value must be finite"));
}

/// Names the first row with bits set beyond the dimension.
absl::Status CheckPadding(const BuildRequest& request) {
  if (request.base.dim % 8 == 0) return absl::OkStatus();
  for (std::uint64_t row = 0; row < request.base.count; ++row) {
    if (row % 4096 == 0) ELANUS_RETURN_IF_ERROR(request.monitor.Check());
    ELANUS_RETURN_IF_ERROR(CheckPadBits(request.base.row(row), request.base.dim, "base row", row));
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const BuildRequest& request) {
  if (IsFloat(request.base.element)) return CheckFinite(request);
  return request.base.element == Element::kBit ? CheckPadding(request) : absl::OkStatus();
}

/// What the index was built with: {"nlist":128,"seed":42}.
std::string ParamsText(const KindRow& kind, const BuildParams& params) {
  return absl::StrCat("{",
                      absl::StrJoin(kind.build_params, ",",
                                    [&](std::string* out, const auto& spec) {
                                      absl::StrAppend(out, "\"", spec.name, "\":", params.*(spec.field));
                                    }),
                      "}");
}

}  // namespace

absl::Span<const KindRow> Kinds() { return kKinds; }

const KindRow& KindRowFor(Kind kind) {
  const auto row = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindRow& r) { return r.kind == kind; });
  ELANUS_CHECK(row != std::end(kKinds));
  return *row;
}

absl::StatusOr<IndexPlan> PlanIndex(const Spec& spec, const BuildParams& params) {
  const KindRow& kind = KindRowFor(spec.kind);
  ELANUS_RETURN_IF_ERROR(CheckSpec(kind, spec));
  ELANUS_RETURN_IF_ERROR(CheckParams(kind.build_params, params));
  ELANUS_ASSIGN_OR_RETURN(IndexPlan plan, kind.plan(spec, params));
  plan.file_bytes += Image::FileBytes({ParamsText(kind, params).size()}) - Image::FileBytes({});
  return plan;
}

absl::StatusOr<Image> BuildIndex(Kind kind, const BuildRequest& request) {
  const Spec spec{kind, request.metric, request.base.element, request.base.dim, request.base.count};
  ELANUS_RETURN_IF_ERROR(PlanIndex(spec, request.params).status());
  request.monitor.Stage("check values", 0);
  ELANUS_RETURN_IF_ERROR(CheckValues(request));
  const KindRow& row = KindRowFor(kind);
  ELANUS_ASSIGN_OR_RETURN(Image image, row.build(request));
  const std::string text = ParamsText(row, request.params);
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> section, image.Add(SectionId::kParams, text.size()));
  std::memcpy(section.data(), text.data(), text.size());
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenIndex(Image image, const simd::Kernels& kernels) {
  const Spec spec = image.spec();
  if (const absl::Status status = CheckSpec(KindRowFor(spec.kind), spec); !status.ok()) {
    return absl::DataLossError(absl::StrCat("the index file contradicts itself: ", status.message()));
  }
  return KindRowFor(spec.kind).open(std::move(image), kernels);
}

}  // namespace elanus::index
