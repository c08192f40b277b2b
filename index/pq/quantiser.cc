#include "index/pq/quantiser.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/base/random.h"

namespace elanus::index {
namespace {

constexpr int kRoundsMax = 25;

/// Squared distances of one slice to every codeword: [codewords].
void SliceDistances(const float* slice, const float* components, std::uint32_t sub_dim, std::uint32_t codewords,
                    float* distances) {
  std::fill_n(distances, codewords, 0.0f);
  for (std::uint32_t d = 0; d < sub_dim; ++d) {
    const float* row = components + std::size_t{d} * codewords;
    const float value = slice[d];
    for (std::uint32_t j = 0; j < codewords; ++j) {
      const float difference = value - row[j];
      distances[j] += difference * difference;
    }
  }
}

std::uint32_t Smallest(const float* values, std::uint32_t count) {
  return static_cast<std::uint32_t>(std::min_element(values, values + count) - values);
}

/// k-means of one slice.
class SliceTrainer {
 public:
  SliceTrainer(const PqShape& shape, absl::Span<const float> vectors, std::uint32_t slice, std::uint64_t seed,
               float* components)
      : sub_dim_(shape.sub_dim()),
        codewords_(shape.codewords()),
        count_(vectors.size() / shape.dim),
        stride_(shape.dim),
        first_(vectors.data() + std::size_t{slice} * shape.sub_dim()),
        components_(components),
        random_(base::StreamSeed(seed, slice)),
        codes_(count_) {}

  void Train(const base::Monitor& monitor) {
    Seed();
    for (int round = 0; round < kRoundsMax && !monitor.cancelled(); ++round) {
      if (!Assign() && round > 0) return;
      Update();
    }
  }

 private:
  const float* Row(std::uint64_t i) const { return first_ + i * stride_; }

  void SetCodeword(std::uint32_t j, const float* row) {
    for (std::uint32_t d = 0; d < sub_dim_; ++d) components_[std::size_t{d} * codewords_ + j] = row[d];
  }

  /// k-means++ (Arthur, Vassilvitskii, SODA 2007): each next codeword drawn by squared distance to the nearest so far.
  void Seed() {
    std::vector<double> nearest(count_, std::numeric_limits<double>::infinity());
    std::uint64_t chosen = random_.Below(count_);
    for (std::uint32_t j = 0;; ++j) {
      SetCodeword(j, Row(chosen));
      if (j + 1 == codewords_) return;
      double total = 0;
      for (std::uint64_t i = 0; i < count_; ++i) {
        double distance = 0;
        for (std::uint32_t d = 0; d < sub_dim_; ++d) {
          const double difference = static_cast<double>(Row(i)[d]) - Row(chosen)[d];
          distance += difference * difference;
        }
        nearest[i] = std::min(nearest[i], distance);
        total += nearest[i];
      }
      double target = static_cast<double>(random_.Unit()) * total;
      for (chosen = 0; chosen + 1 < count_ && target >= nearest[chosen]; ++chosen) target -= nearest[chosen];
    }
  }

  /// True when a code changed.
  bool Assign() {
    std::vector<float> distances(codewords_);
    bool changed = false;
    for (std::uint64_t i = 0; i < count_; ++i) {
      SliceDistances(Row(i), components_, sub_dim_, codewords_, distances.data());
      const auto code = static_cast<std::uint8_t>(Smallest(distances.data(), codewords_));
      changed = changed || code != codes_[i];
      codes_[i] = code;
    }
    return changed;
  }

  void Update() {
    std::vector<double> sums(std::size_t{codewords_} * sub_dim_, 0.0);
    std::vector<std::uint64_t> members(codewords_, 0);
    for (std::uint64_t i = 0; i < count_; ++i) {
      ++members[codes_[i]];
      for (std::uint32_t d = 0; d < sub_dim_; ++d) sums[std::size_t{codes_[i]} * sub_dim_ + d] += Row(i)[d];
    }
    for (std::uint32_t j = 0; j < codewords_; ++j) {
      if (members[j] == 0) {
        SetCodeword(j, Row(random_.Below(count_)));
        continue;
      }
      for (std::uint32_t d = 0; d < sub_dim_; ++d) {
        components_[std::size_t{d} * codewords_ + j] =
            static_cast<float>(sums[std::size_t{j} * sub_dim_ + d] / static_cast<double>(members[j]));
      }
    }
  }

  std::uint32_t sub_dim_;
  std::uint32_t codewords_;
  std::uint64_t count_;
  std::size_t stride_;
  const float* first_;
  float* components_;
  base::Random random_;
  std::vector<std::uint8_t> codes_;
};

}  // namespace

void PqCodebooks::Encode(const float* vector, std::uint8_t* codes) const {
  float distances[256];
  const std::uint32_t sub_dim = shape_.sub_dim();
  for (std::uint32_t i = 0; i < shape_.m; ++i) {
    const std::size_t first = std::size_t{i} * sub_dim;
    SliceDistances(vector + first, components_ + first * shape_.codewords(), sub_dim, shape_.codewords(), distances);
    codes[i] = static_cast<std::uint8_t>(Smallest(distances, shape_.codewords()));
  }
}

void PqCodebooks::Decode(const std::uint8_t* codes, float* out) const {
  const std::uint32_t sub_dim = shape_.sub_dim();
  for (std::uint32_t d = 0; d < shape_.dim; ++d) {
    out[d] = components_[std::size_t{d} * shape_.codewords() + codes[d / sub_dim]];
  }
}

void PqCodebooks::Products(const float* query, float* products) const {
  const std::uint32_t sub_dim = shape_.sub_dim();
  const std::uint32_t codewords = shape_.codewords();
  for (std::uint32_t i = 0; i < shape_.m; ++i) {
    float* out = products + std::size_t{i} * codewords;
    std::fill_n(out, codewords, 0.0f);
    for (std::uint32_t d = i * sub_dim; d < (i + 1) * sub_dim; ++d) {
      const float value = query[d];
      const float* row = components_ + std::size_t{d} * codewords;
      for (std::uint32_t j = 0; j < codewords; ++j) out[j] += value * row[j];
    }
  }
}

namespace {

/// Smallest and largest of values, whose number is a multiple of 8: taken eight at a time, which become vectors.
std::pair<float, float> Extremes(absl::Span<const float> values) {
  constexpr std::size_t kLanes = 8;
  float low[kLanes], high[kLanes];
  std::copy_n(values.begin(), kLanes, low);
  std::copy_n(values.begin(), kLanes, high);
  for (std::size_t i = kLanes; i < values.size(); i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) low[l] = std::min(low[l], values[i + l]);
    for (std::size_t l = 0; l < kLanes; ++l) high[l] = std::max(high[l], values[i + l]);
  }
  return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

}  // namespace

void QuantiseTable(const PqShape& shape, float factor, absl::Span<const float> products, PqTable* table) {
  const std::uint32_t codewords = shape.codewords();
  table->storage.Reset(std::size_t{shape.scanned()} * codewords);
  std::uint8_t* const entries = table->storage.data();
  table->entries = entries;

  // One scale for all slices, so that sums add up; a lowest value for each, so that the scale need only cover ranges.
  float range = 0;
  double offset = 0;
  std::vector<float>& lows = table->lows;
  lows.resize(shape.m);
  for (std::uint32_t i = 0; i < shape.m; ++i) {
    const auto [low, high] = Extremes(products.subspan(i * codewords, codewords));
    range = std::max(range, high - low);
    lows[i] = factor > 0 ? low : high;
    offset += static_cast<double>(factor) * lows[i];
  }
  const auto top = static_cast<float>(shape.lut_max());
  // A range too small to divide by, or none, or an infinite one (huge queries) is not resolved.
  const bool resolved = range / top >= std::numeric_limits<float>::min() && std::isfinite(range);
  const float unit = resolved ? range / top : 1.0f;
  const float inverse = (factor > 0 ? 1.0f : -1.0f) / unit;
  for (std::uint32_t i = 0; i < shape.m; ++i) {
    const float* in = products.data() + std::size_t{i} * codewords;
    std::uint8_t* out = entries + std::size_t{i} * codewords;
    const float low = lows[i];
    for (std::uint32_t j = 0; j < codewords; ++j) {
      // In this order NaN, which infinities leave, becomes top.
      out[j] = static_cast<std::uint8_t>(std::max(std::min(top, (in[j] - low) * inverse + 0.5f), 0.0f));
    }
  }
  table->scale = std::abs(factor) * unit;
  table->offset = static_cast<float>(offset);
}

absl::Status TrainCodebooks(const PqShape& shape, absl::Span<const float> vectors, std::uint64_t seed,
                            threads::Pool& pool, const base::Monitor& monitor, absl::Span<float> out) {
  pool.ParallelFor(shape.m, 1, [&](std::uint64_t slice, std::uint64_t) {
    float* components = out.data() + slice * shape.sub_dim() * shape.codewords();
    SliceTrainer(shape, vectors, static_cast<std::uint32_t>(slice), seed, components).Train(monitor);
    monitor.Advance(1);
  });
  return monitor.Check();
}

}  // namespace elanus::index
