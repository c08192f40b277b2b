// What the suites of host/simd share: the levels to run, and memory that ends at a page no one may touch.
#ifndef ELANUS_TESTS_SIMD_SUPPORT_H_
#define ELANUS_TESTS_SIMD_SUPPORT_H_

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "host/base/check.h"
#include "host/base/random.h"
#include "host/simd/kernels.h"

namespace elanus::simd {

/// A suite that runs once for each level this processor has.
class LevelTest : public testing::TestWithParam<Level> {
 protected:
  const Kernels& kernels() const { return KernelsFor(GetParam()); }
};

inline std::string NameOfLevel(const testing::TestParamInfo<Level>& info) { return LevelName(info.param); }

/// `count` values that end exactly where an inaccessible page begins: reading or writing past them ends the process.
/// They start as aligned as sizeof(T) * count allows.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t data = (count * sizeof(T) + page - 1) / page * page;
    mapped_ = data + page;
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ELANUS_CHECK(memory != MAP_FAILED);
    start_ = static_cast<std::byte*>(memory);
    ELANUS_CHECK(mprotect(start_ + data, page, PROT_NONE) == 0);
    data_ = reinterpret_cast<T*>(start_ + data - count * sizeof(T));
  }
  ~Guarded() { munmap(start_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }
  std::vector<T> Copy() const { return std::vector<T>(data_, data_ + count_); }

 private:
  std::size_t count_;
  std::size_t mapped_;
  std::byte* start_;
  T* data_;
};

/// Bytes rounded up as query buffers must be.
constexpr std::size_t QueryBytes(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

template <class T>
void FillBits(base::Random& random, Guarded<T>& values) {
  for (T& value : values) value = static_cast<T>(random.Next());
}

/// Bits of a distance, with one value for all NaN: which operand's NaN survives an addition is not part of the
/// contract.
inline std::uint32_t Bits(float value) { return std::isnan(value) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value); }

}  // namespace elanus::simd

#endif  // ELANUS_TESTS_SIMD_SUPPORT_H_
