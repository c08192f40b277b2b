#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx2.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kWords = 8;  // of a register: 256 rows
constexpr int kPlanesMax = 19;     // bits of base::kBitsMax
static_assert(base::kBitsMax >> (kPlanesMax - 1) == 1);

/// All ones in the first n words.
__m256i FirstWords(std::size_t n) {
  const __m256i ramp = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < kWords ? static_cast<int>(n) : static_cast<int>(kWords)), ramp);
}

__m256i LoadWords(const std::uint32_t* words, __m256i valid) {
  return _mm256_maskload_epi32(reinterpret_cast<const int*>(words), valid);
}

/// The listed columns of 256 rows.
struct Columns {
  const std::uint32_t* words;
  std::size_t stride;
  const std::uint32_t* columns;
  __m256i valid;

  __m256i Load(std::size_t i) const { return LoadWords(words + columns[i] * stride, valid); }
};

/// sum and carry of three bits, 256 times.
void FullAdd(__m256i a, __m256i b, __m256i c, __m256i& sum, __m256i& carry) {
  const __m256i different = _mm256_xor_si256(a, b);
  carry = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(different, c));
  sum = _mm256_xor_si256(different, c);
}
/// Adds carry to sum; carry becomes what is carried on.
void HalfAdd(__m256i& sum, __m256i& carry) {
  const __m256i both = _mm256_and_si256(sum, carry);
  sum = _mm256_xor_si256(sum, carry);
  carry = both;
}

/// Bit-sliced counters of 256 rows, as in columns_avx512.cc; columns are added eight at a time.
class Counters {
 public:
  explicit Counters(int plane_count) : plane_count_(plane_count) {
    for (int b = 0; b < plane_count; ++b) plane_[b] = _mm256_setzero_si256();
  }

  void Add(const Columns& c, std::size_t count) {
    __m256i ones = _mm256_setzero_si256(), twos = ones, fours = ones;
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
      __m256i a, b, carry;
      AddFour(c, i, ones, twos, a);
      AddFour(c, i + 4, ones, twos, b);
      FullAdd(fours, a, b, fours, carry);
      Ripple(3, carry);
    }
    if (i + 4 <= count) {
      __m256i carry;
      AddFour(c, i, ones, twos, carry);
      HalfAdd(fours, carry);
      Ripple(3, carry);
      i += 4;
    }
    for (; i < count; ++i) {
      __m256i carry = c.Load(i);
      HalfAdd(ones, carry);
      HalfAdd(twos, carry);
      HalfAdd(fours, carry);
      Ripple(3, carry);
    }
    const __m256i low[3] = {ones, twos, fours};
    for (int b = 0; b < 3 && b < plane_count_; ++b) plane_[b] = low[b];
  }

  /// Rows whose count is at least `limit` (one a word): from the lowest bit up, the higher one decides.
  __m256i AtLeast(__m256i limit) const {
    __m256i passing = _mm256_set1_epi32(-1);
    for (int b = 0; b < plane_count_; ++b) {
      const __m256i bit = _mm256_set1_epi32(1 << b);
      const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(limit, bit), bit);
      // limit bit ? plane & passing : plane | passing
      passing = _mm256_or_si256(_mm256_and_si256(plane_[b], passing),
                                _mm256_andnot_si256(set, _mm256_or_si256(plane_[b], passing)));
    }
    const __m256i above = _mm256_srl_epi32(limit, _mm_cvtsi32_si128(plane_count_));
    return _mm256_and_si256(passing, _mm256_cmpeq_epi32(above, _mm256_setzero_si256()));
  }

  std::uint32_t CountOf(int w, int row) const {
    std::uint32_t count = 0;
    for (int b = 0; b < plane_count_; ++b) {
      std::uint32_t word;
      __builtin_memcpy(&word, reinterpret_cast<const char*>(&plane_[b]) + 4 * w, 4);
      count |= (word >> row & 1) << b;
    }
    return count;
  }

 private:
  static void AddFour(const Columns& c, std::size_t i, __m256i& ones, __m256i& twos, __m256i& carry) {
    __m256i a, b;
    FullAdd(ones, c.Load(i), c.Load(i + 1), ones, a);
    FullAdd(ones, c.Load(i + 2), c.Load(i + 3), ones, b);
    FullAdd(twos, a, b, twos, carry);
  }
  void Ripple(int from, __m256i carry) {
    for (int b = from; b < plane_count_; ++b) HalfAdd(plane_[b], carry);
  }

  int plane_count_;
  __m256i plane_[kPlanesMax];
};

/// Calls visit(word, row) for each set bit.
template <class Visit>
void ForRows(__m256i passing, Visit visit) {
  if (_mm256_testz_si256(passing, passing) != 0) return;
  std::uint32_t bits[kWords];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bits), passing);
  for (int w = 0; w < static_cast<int>(kWords); ++w) {
    for (std::uint32_t rest = bits[w]; rest != 0; rest &= rest - 1) visit(w, __builtin_ctz(rest));
  }
}

std::uint32_t RowNumber(std::size_t w, int lane, int row) {
  return static_cast<std::uint32_t>((w + static_cast<std::size_t>(lane)) * base::kGroupRows) +
         static_cast<std::uint32_t>(row);
}

std::size_t SelectCounts(const BitBlock& block, const std::uint32_t* columns, std::size_t count,
                         const std::uint32_t* at_least, std::uint32_t* rows, std::uint32_t* counts) {
  const int plane_count = count == 0 ? 0 : 64 - __builtin_clzll(count);
  std::size_t found = 0;
  for (std::size_t w = 0; w < block.count; w += kWords) {
    const __m256i valid = FirstWords(block.count - w);
    Counters counters(plane_count);
    counters.Add({block.words + w, block.stride, columns, valid}, count);
    const __m256i passing = _mm256_and_si256(valid, counters.AtLeast(LoadWords(at_least + w, valid)));
    ForRows(passing, [&](int lane, int row) {
      rows[found] = RowNumber(w, lane, row);
      counts[found++] = counters.CountOf(lane, row);
    });
  }
  return found;
}

/// The rows of 256 that have every listed column set, or none.
__m256i MatchAll(const Columns& c, std::size_t count, bool set) {
  constexpr std::size_t kColumnsBetweenChecks = 4;
  __m256i passing = c.valid;
  for (std::size_t i = 0; i < count;) {
    const std::size_t end = count - i > kColumnsBetweenChecks ? i + kColumnsBetweenChecks : count;
    if (set) {
      for (; i < end; ++i) passing = _mm256_and_si256(passing, c.Load(i));
    } else {
      for (; i < end; ++i) passing = _mm256_andnot_si256(c.Load(i), passing);
    }
    if (_mm256_testz_si256(passing, passing) != 0) break;
  }
  return passing;
}

std::size_t SelectAll(const BitBlock& block, const std::uint32_t* columns, std::size_t count, bool set,
                      std::uint32_t* rows) {
  std::size_t found = 0;
  for (std::size_t w = 0; w < block.count; w += kWords) {
    const Columns c = {block.words + w, block.stride, columns, FirstWords(block.count - w)};
    ForRows(MatchAll(c, count, set), [&](int lane, int row) { rows[found++] = RowNumber(w, lane, row); });
  }
  return found;
}

}  // namespace

constinit const ColumnKernels kColumnsAvx2 = {
    .select_counts = SelectCounts,
    .select_all = SelectAll,
};

}  // namespace elanus::simd
