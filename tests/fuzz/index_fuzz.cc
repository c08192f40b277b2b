// OpenIndex on sections that a fuzzer has changed under right checksums: an error, or an index on which no search reads
// outside its sections. The first byte chooses the kind; every six bytes after it are one change.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "host/base/check.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/kinds.h"

namespace elanus {
namespace {

constexpr std::uint32_t kRows = 200;
constexpr std::uint32_t kDim = 16;
constexpr std::uint32_t kSections = 64;

struct Content {
  index::Spec spec;
  std::vector<std::pair<index::SectionId, std::string>> sections;
};

const simd::Kernels& Kernels() { return simd::KernelsFor(simd::Level::kScalar); }

/// A small index of a kind, taken apart.
Content Build(index::Kind kind) {
  const index::KindRow& row = index::KindRowFor(kind);
  const base::Element element = row.elements[0];
  std::string bytes(kRows * base::RowBytes(element, kDim), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * 37 + i / 64) % 61);  // small floats
  threads::Pool pool(1);
  index::BuildRequest request;
  request.base = {reinterpret_cast<const std::byte*>(bytes.data()), kRows, kDim, element,
                  base::RowBytes(element, kDim)};
  request.metric = row.metrics[0];
  request.params.nlist = 4;
  request.params.n_trees = 4;
  request.params.m = 4;
  request.params.M = 4;
  request.params.ef_construction = 16;
  request.kernels = &Kernels();
  request.pool = &pool;
  const auto image = index::BuildIndex(kind, request);
  ELANUS_CHECK(image.ok());
  Content content{image->spec(), {}};
  for (std::uint32_t id = 1; id < kSections; ++id) {
    const auto section = image->section(static_cast<index::SectionId>(id));
    if (section.empty()) continue;
    content.sections.emplace_back(static_cast<index::SectionId>(id),
                                  std::string(reinterpret_cast<const char*>(section.data()), section.size()));
  }
  return content;
}

struct Change {
  std::uint8_t what;  // below 200: which section's byte at `where` becomes `value`
  std::uint8_t value;
  std::uint32_t where;
};

void Apply(const Change& change, Content& content) {
  index::Spec& spec = content.spec;
  std::string& section = content.sections[change.what % content.sections.size()].second;
  switch (change.what) {
    case 200:
      spec.rows = 1 + change.where % base::kRowsMax;
      return;
    case 201:
      spec.dim = 1 + change.where % base::kDimMax;
      return;
    case 202:
      spec.metric = static_cast<index::Metric>(change.value);
      return;
    case 203:
      spec.element = static_cast<base::Element>(1 + change.value % 6);
      return;
    default:
      break;
  }
  if (change.what >= 230) {
    content.sections.erase(content.sections.begin() + change.value % static_cast<int>(content.sections.size()));
    if (content.sections.empty()) content.sections.emplace_back(index::SectionId::kParams, "");
  } else if (change.what >= 204) {
    section.resize(change.where % (section.size() + 256));
  } else if (!section.empty()) {
    section[change.where % section.size()] = static_cast<char>(change.value);
  }
}

void Search(const index::Index& index) {
  const index::Spec& spec = index.spec();
  const std::size_t row_bytes = base::RowBytes(spec.element, spec.dim);
  const std::string bytes(2 * row_bytes, '\1');
  constexpr std::uint32_t kK = 10;
  std::vector<std::uint32_t> rows(2 * kK), counts(2);
  std::vector<float> distances(2 * kK);
  index::Workspace workspace;
  index::SearchRequest request;
  request.queries = {reinterpret_cast<const std::byte*>(bytes.data()), 2, spec.dim, spec.element, row_bytes};
  request.k = kK;
  const std::vector<std::uint64_t> bits((spec.rows + 63) / 64, 0x5);
  const index::RowFilter filter{bits, 2 * bits.size()};
  for (const index::RowFilter* f : {static_cast<const index::RowFilter*>(nullptr), &filter}) {
    request.filter = f;
    index.Search(request, workspace, {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)})
        .IgnoreError();
  }
  for (const std::uint32_t count : counts) ELANUS_CHECK(count <= kK);
  index::RangeRequest range;
  range.queries = request.queries.Slice(0, 1);
  range.radius = 1;
  index.RangeSearch(range, workspace).IgnoreError();
}

const std::vector<Content>& Contents() {
  static const std::vector<Content> contents = [] {
    std::vector<Content> all;
    for (const index::KindRow& row : index::Kinds()) all.push_back(Build(row.kind));
    return all;
  }();
  return contents;
}

}  // namespace
}  // namespace elanus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace elanus;
  if (size == 0) return 0;
  Content content = Contents()[data[0] % Contents().size()];
  for (std::size_t at = 1; at + 6 <= size; at += 6) {
    Change change{data[at], data[at + 1], 0};
    std::memcpy(&change.where, data + at + 2, sizeof(change.where));
    Apply(change, content);
  }
  if (index::MetricName(content.spec.metric) == std::string("?")) return 0;  // Image::Open refuses it
  index::Image image(content.spec);
  for (const auto& [id, bytes] : content.sections) {
    const auto section = image.Add(id, bytes.size());
    ELANUS_CHECK(section.ok());
    std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), section->begin());
  }
  const auto index = index::OpenIndex(std::move(image), Kernels());
  if (index.ok()) Search(**index);
  return 0;
}
