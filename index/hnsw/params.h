// Limits of HNSW's parameters.
#ifndef ELANUS_INDEX_HNSW_PARAMS_H_
#define ELANUS_INDEX_HNSW_PARAMS_H_

#include <cstdint>

namespace elanus::index {

inline constexpr std::int64_t kHnswMMin = 2;
inline constexpr std::int64_t kHnswMMax = 2048;
inline constexpr std::int64_t kEfMax = 0x7FFFFFFF;  // of ef and efConstruction
/// Nodes: one bit of a 32-bit number marks those a walk has expanded.
inline constexpr std::uint64_t kHnswRowsMax = 0x7FFFFFFF;

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_PARAMS_H_
