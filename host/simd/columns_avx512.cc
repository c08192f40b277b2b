#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx512.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kWords = 16;  // of a register: 512 rows
constexpr int kPlanesMax = 19;      // bits of base::kBitsMax
constexpr __mmask16 kAllWords = 0xFFFF;
static_assert(base::kBitsMax >> (kPlanesMax - 1) == 1);

/// The listed columns of 512 rows.
struct Columns {
  const std::uint32_t* words;
  std::size_t stride;
  const std::uint32_t* columns;
  __mmask16 valid;

  __m512i Load(std::size_t i) const { return _mm512_maskz_loadu_epi32(valid, words + columns[i] * stride); }
};

/// sum and carry of three bits, 512 times.
void FullAdd(__m512i a, __m512i b, __m512i c, __m512i& sum, __m512i& carry) {
  carry = _mm512_ternarylogic_epi64(a, b, c, 0xE8);
  sum = _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
/// Adds carry to sum; carry becomes what is carried on.
void HalfAdd(__m512i& sum, __m512i& carry) {
  const __m512i both = _mm512_and_si512(sum, carry);
  sum = _mm512_xor_si512(sum, carry);
  carry = both;
}

/// Bit-sliced counters of 512 rows; plane b holds bit b of every count. Columns are added 16 at a time by a tree of
/// carry-save adders, two instructions a column (Mula, Kurz, Lemire: Faster Population Counts Using AVX2 Instructions,
/// The Computer Journal 61(1), 2018, section 3).
class Counters {
 public:
  explicit Counters(int plane_count) : plane_count_(plane_count) {
    for (int b = 0; b < plane_count; ++b) plane_[b] = _mm512_setzero_si512();
  }

  void Add(const Columns& c, std::size_t count) {
    __m512i ones = _mm512_setzero_si512(), twos = ones, fours = ones, eights = ones;
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
      __m512i a, b, carry;
      AddEight(c, i, ones, twos, fours, a);
      AddEight(c, i + 8, ones, twos, fours, b);
      FullAdd(eights, a, b, eights, carry);
      Ripple(4, carry);
    }
    if (i + 8 <= count) {
      __m512i carry;
      AddEight(c, i, ones, twos, fours, carry);
      HalfAdd(eights, carry);
      Ripple(4, carry);
      i += 8;
    }
    if (i + 4 <= count) {
      __m512i carry;
      AddFour(c, i, ones, twos, carry);
      HalfAdd(fours, carry);
      HalfAdd(eights, carry);
      Ripple(4, carry);
      i += 4;
    }
    for (; i < count; ++i) {
      __m512i carry = c.Load(i);
      HalfAdd(ones, carry);
      HalfAdd(twos, carry);
      HalfAdd(fours, carry);
      HalfAdd(eights, carry);
      Ripple(4, carry);
    }
    const __m512i low[4] = {ones, twos, fours, eights};
    for (int b = 0; b < 4 && b < plane_count_; ++b) plane_[b] = low[b];
  }

  /// Rows whose count is at least `limit` (one a word): from the lowest bit up, the higher one decides.
  __m512i AtLeast(__m512i limit) const {
    __m512i passing = _mm512_set1_epi32(-1);
    for (int b = 0; b < plane_count_; ++b) {
      const __mmask16 set = _mm512_test_epi32_mask(limit, _mm512_set1_epi32(1 << b));
      // limit bit ? plane & passing : plane | passing
      passing = _mm512_ternarylogic_epi64(plane_[b], _mm512_maskz_set1_epi32(set, -1), passing, 0xB2);
    }
    const __mmask16 reachable = _mm512_cmplt_epu32_mask(limit, _mm512_set1_epi32(1 << plane_count_));
    return _mm512_maskz_mov_epi32(reachable, passing);
  }

  /// Counts of rows 16 half .. 16 half + 15 of word w.
  __m512i CountsOf(int w, int half) const {
    __m512i counts = _mm512_setzero_si512();
    for (int b = 0; b < plane_count_; ++b) {
      std::uint32_t word;
      __builtin_memcpy(&word, reinterpret_cast<const char*>(&plane_[b]) + 4 * w, 4);
      const auto set = static_cast<__mmask16>(word >> (16 * half));
      counts = _mm512_mask_or_epi32(counts, set, counts, _mm512_set1_epi32(1 << b));
    }
    return counts;
  }

 private:
  static void AddFour(const Columns& c, std::size_t i, __m512i& ones, __m512i& twos, __m512i& carry) {
    __m512i a, b;
    FullAdd(ones, c.Load(i), c.Load(i + 1), ones, a);
    FullAdd(ones, c.Load(i + 2), c.Load(i + 3), ones, b);
    FullAdd(twos, a, b, twos, carry);
  }
  static void AddEight(const Columns& c, std::size_t i, __m512i& ones, __m512i& twos, __m512i& fours, __m512i& carry) {
    __m512i a, b;
    AddFour(c, i, ones, twos, a);
    AddFour(c, i + 4, ones, twos, b);
    FullAdd(fours, a, b, fours, carry);
  }
  void Ripple(int from, __m512i carry) {
    for (int b = from; b < plane_count_; ++b) HalfAdd(plane_[b], carry);
  }

  int plane_count_;
  __m512i plane_[kPlanesMax];
};

__mmask16 ValidWords(std::size_t count, std::size_t w) {
  return count - w >= kWords ? kAllWords : LowMask16(count - w);
}

/// Calls visit(word, half, rows) for each half word of `passing` that is not zero.
template <class Visit>
void ForHalves(__m512i passing, Visit visit) {
  std::uint32_t bits[kWords];
  _mm512_storeu_si512(bits, passing);
  for (std::uint32_t some = _mm512_test_epi32_mask(passing, passing); some != 0; some &= some - 1) {
    const int w = __builtin_ctz(some);
    for (int half = 0; half < 2; ++half) {
      const auto rows = static_cast<__mmask16>(bits[w] >> (16 * half));
      if (rows != 0) visit(w, half, rows);
    }
  }
}

std::uint32_t FirstRow(std::size_t w, int lane, int half) {
  return static_cast<std::uint32_t>((w + static_cast<std::size_t>(lane)) * base::kGroupRows) +
         16 * static_cast<std::uint32_t>(half);
}

std::size_t SelectCounts(const BitBlock& block, const std::uint32_t* columns, std::size_t count,
                         const std::uint32_t* at_least, std::uint32_t* rows, std::uint32_t* counts) {
  const int plane_count = count == 0 ? 0 : 64 - __builtin_clzll(count);
  std::uint32_t* out = rows;
  for (std::size_t w = 0; w < block.count; w += kWords) {
    const __mmask16 valid = ValidWords(block.count, w);
    Counters counters(plane_count);
    counters.Add({block.words + w, block.stride, columns, valid}, count);
    const __m512i limit = _mm512_maskz_loadu_epi32(valid, at_least + w);
    const __m512i passing = _mm512_maskz_mov_epi32(valid, counters.AtLeast(limit));
    if (_mm512_test_epi32_mask(passing, passing) == 0) continue;
    ForHalves(passing, [&](int lane, int half, __mmask16 found) {
      // Whole registers are stored: no more rows were found than looked at, so they end inside the room.
      const __m512i found_counts = _mm512_maskz_compress_epi32(found, counters.CountsOf(lane, half));
      _mm512_storeu_si512(counts + (out - rows), found_counts);
      out = Append(found, FirstRow(w, lane, half), kAllWords, out);
    });
  }
  return static_cast<std::size_t>(out - rows);
}

/// The rows of 512 that have every listed column set, or none.
__m512i MatchAll(const Columns& c, std::size_t count, bool set) {
  constexpr std::size_t kColumnsBetweenChecks = 4;
  __m512i passing = _mm512_maskz_set1_epi32(c.valid, -1);
  for (std::size_t i = 0; i < count;) {
    const std::size_t end = count - i > kColumnsBetweenChecks ? i + kColumnsBetweenChecks : count;
    if (set) {
      for (; i < end; ++i) passing = _mm512_and_si512(passing, c.Load(i));
    } else {
      for (; i < end; ++i) passing = _mm512_andnot_si512(c.Load(i), passing);
    }
    if (_mm512_test_epi32_mask(passing, passing) == 0) break;
  }
  return passing;
}

std::size_t SelectAll(const BitBlock& block, const std::uint32_t* columns, std::size_t count, bool set,
                      std::uint32_t* rows) {
  std::uint32_t* out = rows;
  for (std::size_t w = 0; w < block.count; w += kWords) {
    const __m512i passing = MatchAll({block.words + w, block.stride, columns, ValidWords(block.count, w)}, count, set);
    ForHalves(passing, [&](int lane, int half, __mmask16 found) {
      out = Append(found, FirstRow(w, lane, half), kAllWords, out);
    });
  }
  return static_cast<std::size_t>(out - rows);
}

}  // namespace

constinit const ColumnKernels kColumnsAvx512 = {
    .select_counts = SelectCounts,
    .select_all = SelectAll,
};

}  // namespace elanus::simd
