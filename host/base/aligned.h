// Scratch memory as the kernels want it: whole 64-byte lines.
#ifndef ELANUS_HOST_BASE_ALIGNED_H_
#define ELANUS_HOST_BASE_ALIGNED_H_

#include <cstddef>
#include <type_traits>
#include <vector>

namespace elanus::base {

inline constexpr std::size_t kLineBytes = 64;

/// An array of T that begins on a 64-byte line and owns all lines that it touches, so that whole vectors can be read
/// to its end. Moving keeps the address, copying does not. Not thread-safe.
template <class T>
class AlignedArray {
  static_assert(std::is_trivially_copyable_v<T> && kLineBytes % sizeof(T) == 0);

 public:
  AlignedArray() = default;
  /// `count` zeros.
  explicit AlignedArray(std::size_t count) { Reset(count); }

  /// Makes it `count` zeros, and zeros up to the end of the last line. Allocates only to grow. Earlier pointers into it
  /// are invalid.
  void Reset(std::size_t count) {
    lines_.assign(LinesFor(count), Line{});
    count_ = count;
  }

  T* data() { return reinterpret_cast<T*>(lines_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(lines_.data()); }
  std::size_t size() const { return count_; }

 private:
  struct alignas(kLineBytes) Line {
    std::byte bytes[kLineBytes];
  };
  static constexpr std::size_t LinesFor(std::size_t count) { return (count * sizeof(T) + kLineBytes - 1) / kLineBytes; }

  std::vector<Line> lines_;
  std::size_t count_ = 0;
};

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_ALIGNED_H_
