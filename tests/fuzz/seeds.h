// Small valid files that a fuzz target starts from. libFuzzer has no hook for seeds made by code, so the mutator deals
// them out: it now and then replaces its input by a seed.
#ifndef ELANUS_TESTS_FUZZ_SEEDS_H_
#define ELANUS_TESTS_FUZZ_SEEDS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace elanus::fuzz {

/// What a target's LLVMFuzzerCustomMutator returns: a mutation of the input, or for one call in 16 of a seed.
inline std::size_t MutateFromSeeds(const std::vector<std::string>& seeds, std::uint8_t* data, std::size_t size,
                                   std::size_t max_size, unsigned random) {
  if (size <= 1 || random % 16 == 0) {
    const std::string& seed = seeds[random / 16 % seeds.size()];
    size = std::min(seed.size(), max_size);
    std::memcpy(data, seed.data(), size);
    if (random / 1024 % 4 == 0) return size;  // as it is: a target must see that valid files pass
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

}  // namespace elanus::fuzz

#endif  // ELANUS_TESTS_FUZZ_SEEDS_H_
