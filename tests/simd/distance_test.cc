#include <numeric>

#include "host/base/half.h"
#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

using base::Element;

constexpr Element kElements[] = {Element::kF32, Element::kF16, Element::kBf16, Element::kI8, Element::kU8};

std::vector<std::uint32_t> Dims() {
  std::vector<std::uint32_t> dims(68);  // 0 is legal
  std::iota(dims.begin(), dims.end(), 0u);
  dims.insert(dims.end(), {128, 384, 1000});
  return dims;
}

enum class Values { kOrdinary, kExtreme };

/// Extreme: zeros of both signs, denormals, and values whose squares overflow.
float MakeFloat(base::Random& random, Values values) {
  if (values == Values::kOrdinary) return random.Unit() * 2.0f - 1.0f;
  constexpr float kPool[] = {0.0f,   -0.0f, 1e-45f, -1e-45f, 3e-39f, -2e-30f, 1e-20f,
                             -1e-3f, 1.0f,  -7.5f,  2e19f,   -1e38f, 3e38f};
  // Mostly small, or every result would be infinite.
  return kPool[random.Below(random.Below(16) == 0 ? std::size(kPool) : 10)];
}

/// Random bits that are neither NaN nor infinite.
std::uint16_t MakeSixteen(base::Random& random, Element element, Values values) {
  if (values == Values::kOrdinary) {
    const float value = MakeFloat(random, values);
    return element == Element::kF16 ? base::HalfFromFloat(value) : base::Bf16FromFloat(value);
  }
  const std::uint16_t infinity = element == Element::kF16 ? 0x7C00 : 0x7F80;
  while (true) {
    const auto bits = static_cast<std::uint16_t>(random.Next());
    if ((bits & infinity) != infinity) return bits;
  }
}

void FillRow(base::Random& random, Element element, Values values, std::uint32_t dim, std::byte* row) {
  for (std::uint32_t d = 0; d < dim; ++d) {
    if (element == Element::kF32) {
      const float value = MakeFloat(random, values);
      std::memcpy(row + d * 4, &value, 4);
    } else if (base::IsFloat(element)) {
      const std::uint16_t value = MakeSixteen(random, element, values);
      std::memcpy(row + d * 2, &value, 2);
    } else {
      const std::uint8_t ends[] = {0, 127, 128, 255};
      row[d] = std::byte{values == Values::kExtreme ? ends[random.Below(4)] : static_cast<std::uint8_t>(random.Next())};
    }
  }
}

/// Component d of a row, as a number.
double Component(Element element, const std::byte* row, std::uint32_t d) {
  float f32;
  std::uint16_t sixteen;
  switch (element) {
    case Element::kF32:
      std::memcpy(&f32, row + d * 4, 4);
      return f32;
    case Element::kF16:
      std::memcpy(&sixteen, row + d * 2, 2);
      return base::FloatFromHalf(sixteen);
    case Element::kBf16:
      std::memcpy(&sixteen, row + d * 2, 2);
      return base::FloatFromBf16(sixteen);
    case Element::kI8:
      return static_cast<std::int8_t>(row[d]);
    default:
      return static_cast<std::uint8_t>(row[d]);
  }
}

/// The contract in words: padded to a multiple of 16, partial sum j over components 16 c + j, then four foldings.
float Canonical(std::vector<float> q, std::vector<float> x, bool l2) {
  const std::size_t padded = (q.size() + 15) / 16 * 16;
  q.resize(padded);
  x.resize(padded);
  std::vector<float> sums(16);
  for (std::size_t j = 0; j < 16; ++j) {
    for (std::size_t d = j; d < padded; d += 16) {
      const float difference = q[d] - x[d];
      sums[j] = l2 ? std::fmaf(difference, difference, sums[j]) : std::fmaf(q[d], x[d], sums[j]);
    }
  }
  while (sums.size() > 1) {
    const std::size_t half = sums.size() / 2;
    for (std::size_t j = 0; j < half; ++j) sums[j] = sums[j] + sums[j + half];
    sums.resize(half);
  }
  return sums[0];
}

float Exact(const std::vector<float>& q, const std::vector<float>& x, bool l2) {
  std::int64_t sum = 0;
  for (std::size_t d = 0; d < q.size(); ++d) {
    const auto a = static_cast<std::int64_t>(q[d]), b = static_cast<std::int64_t>(x[d]);
    sum += l2 ? (a - b) * (a - b) : a * b;
  }
  return static_cast<float>(sum);
}

std::vector<float> Components(Element element, const std::byte* row, std::uint32_t dim) {
  std::vector<float> values(dim);
  for (std::uint32_t d = 0; d < dim; ++d) values[d] = static_cast<float>(Component(element, row, d));
  return values;
}

/// A query and rows whose last one ends at an inaccessible page; so does the query's padding.
struct Case {
  Case(base::Random& random, Element element_in, Values values, std::uint32_t dim_in, std::size_t count,
       std::size_t gap)
      : element(element_in),
        dim(dim_in),
        stride(base::RowBytes(element, dim) + gap),
        rows(count == 0 ? 0 : (count - 1) * stride + base::RowBytes(element, dim)),
        query(QueryBytes(base::RowBytes(query_element(), dim))) {
    FillRow(random, query_element(), values, dim, query.data());
    for (std::byte& byte : rows) byte = std::byte{0xFF};  // what lies between rows must not matter
    for (std::size_t r = 0; r < count; ++r) FillRow(random, element, values, dim, rows.data() + r * stride);
  }

  Element query_element() const { return base::IsFloat(element) ? Element::kF32 : element; }

  float Expected(std::size_t row, bool l2) const {
    const std::vector<float> q = Components(query_element(), query.data(), dim);
    const std::vector<float> x = Components(element, rows.data() + row * stride, dim);
    return base::IsFloat(element) ? Canonical(q, x, l2) : Exact(q, x, l2);
  }

  Element element;
  std::uint32_t dim;
  std::size_t stride;
  Guarded<std::byte> rows;
  Guarded<std::byte> query;
};

class Distance : public LevelTest {
 protected:
  void Check(const Case& c, const std::vector<std::uint32_t>* ids, std::size_t count) {
    for (const bool l2 : {true, false}) {
      const DistanceKernels& k = kernels().distance;
      Guarded<std::uint32_t> guarded_ids(ids != nullptr ? count : 0);
      if (ids != nullptr) std::copy(ids->begin(), ids->end(), guarded_ids.begin());
      Guarded<float> out(count);
      const RowList rows = {c.rows.data(), c.stride, ids != nullptr ? guarded_ids.data() : nullptr, count};
      (l2 ? k.l2 : k.ip)[static_cast<std::size_t>(c.element)](c.query.data(), rows, c.dim, out.data());
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(Bits(out[i]), Bits(c.Expected(ids != nullptr ? (*ids)[i] : i, l2)))
            << (l2 ? "l2 " : "ip ") << base::ElementName(c.element) << " dim " << c.dim << " row " << i << " of "
            << count;
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, Distance, testing::ValuesIn(SupportedLevels()), NameOfLevel);

TEST_P(Distance, IsCanonicalForEveryDimension) {
  for (const Values values : {Values::kOrdinary, Values::kExtreme}) {
    for (const std::uint32_t dim : Dims()) {
      SCOPED_TRACE(testing::Message() << "seed " << dim);
      base::Random random(dim);
      for (const Element element : kElements) {
        const std::size_t count = 5;
        Check(Case(random, element, values, dim, count, 0), nullptr, count);
        Check(Case(random, element, values, dim, count, 3), nullptr, count);  // rows at odd addresses
      }
    }
  }
}

TEST_P(Distance, TakesAnyRowsInAnyOrder) {
  for (const std::uint64_t seed : {1u, 2u}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Random random(seed);
    for (const Element element : kElements) {
      const Case c(random, element, Values::kOrdinary, seed == 1 ? 33 : 128, 40, 1);
      for (std::size_t count = 0; count <= 40; ++count) {
        std::vector<std::uint32_t> ids(count);
        std::iota(ids.begin(), ids.end(), 0u);
        Check(c, nullptr, count);
        std::vector<std::uint32_t> descending(ids.rbegin(), ids.rend());
        Check(c, &descending, count);
        std::vector<std::uint32_t> last(count, 39);  // again and again the row before the inaccessible page
        Check(c, &last, count);
        for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random.Below(40));
        Check(c, &ids, count);
      }
    }
  }
}

TEST_P(Distance, ReachesRowsBeyondFourGigabytes) {
  // A stride of 2^31 with a base that makes row 2 the start of the data: address arithmetic must not stop at 32 bits.
  base::Random random(3);
  const Case c(random, Element::kU8, Values::kOrdinary, 70, 1, 0);
  const std::size_t stride = std::size_t{1} << 31;
  const auto base_address = reinterpret_cast<std::uintptr_t>(c.rows.data()) - 3 * stride;
  const std::vector<std::uint32_t> ids = {3};
  float out = 0;
  const RowList rows = {reinterpret_cast<const std::byte*>(base_address), stride, ids.data(), 1};
  kernels().distance.l2[static_cast<std::size_t>(Element::kU8)](c.query.data(), rows, c.dim, &out);
  EXPECT_EQ(out, c.Expected(0, true));
}

TEST_P(Distance, IntegersAreExactAtTheLargestSums) {
  const std::uint32_t dim = base::kDimMax;
  Guarded<std::uint8_t> low(dim), high(dim);
  for (const auto& [element, smallest, largest] :
       {std::tuple{Element::kU8, 0, 255}, std::tuple{Element::kI8, -128, 127}}) {
    const auto e = static_cast<std::size_t>(element);
    std::memset(low.data(), smallest, dim);
    std::memset(high.data(), largest, dim);
    const auto run = [&](RowDistances kernel, const Guarded<std::uint8_t>& q, const Guarded<std::uint8_t>& x) {
      float out = 0;
      kernel(q.data(), {reinterpret_cast<const std::byte*>(x.data()), dim, nullptr, 1}, dim, &out);
      return out;
    };
    const auto product = [&](int a, int b) { return static_cast<float>(std::int64_t{dim} * a * b); };
    const DistanceKernels& k = kernels().distance;
    EXPECT_EQ(run(k.l2[e], low, high), product(255, 255));
    EXPECT_EQ(run(k.l2[e], high, low), product(255, 255));
    EXPECT_EQ(run(k.l2[e], high, high), 0.0f);
    EXPECT_EQ(run(k.ip[e], low, low), product(smallest, smallest));
    EXPECT_EQ(run(k.ip[e], low, high), product(smallest, largest));
    EXPECT_EQ(run(k.ip[e], high, low), product(smallest, largest));
    EXPECT_EQ(run(k.ip[e], high, high), product(largest, largest));
  }
}

TEST_P(Distance, BitsHaveNone) {
  const DistanceKernels& k = kernels().distance;
  const auto bit = static_cast<std::size_t>(Element::kBit);
  EXPECT_EQ(k.l2[bit], nullptr);
  EXPECT_EQ(k.ip[bit], nullptr);
  EXPECT_EQ(k.to_float[bit], nullptr);
}

TEST_P(Distance, ToFloatIsExact) {
  for (const std::uint32_t dim : Dims()) {
    SCOPED_TRACE(testing::Message() << "seed " << dim);
    base::Random random(dim);
    for (const Element element : kElements) {
      const Case c(random, element, Values::kExtreme, dim, 1, 0);
      Guarded<float> out(dim);
      kernels().distance.to_float[static_cast<std::size_t>(element)](c.rows.data(), dim, out.data());
      for (std::uint32_t d = 0; d < dim; ++d) {
        ASSERT_EQ(Bits(out[d]), Bits(static_cast<float>(Component(element, c.rows.data(), d))))
            << base::ElementName(element) << " dim " << dim << " component " << d;
      }
    }
  }
}

TEST_P(Distance, ToFloatKnowsEverySixteenBitNumber) {
  for (const Element element : {Element::kF16, Element::kBf16}) {
    std::vector<std::uint16_t> all(65'536);
    std::iota(all.begin(), all.end(), std::uint16_t{0});
    std::vector<float> out(all.size());
    const auto* row = reinterpret_cast<const std::byte*>(all.data());
    kernels().distance.to_float[static_cast<std::size_t>(element)](row, 65'536, out.data());
    for (std::uint32_t d = 0; d < all.size(); ++d) {
      ASSERT_EQ(Bits(out[d]), Bits(static_cast<float>(Component(element, row, d)))) << d;
    }
  }
}

}  // namespace
}  // namespace elanus::simd
