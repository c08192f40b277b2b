#include "tools/elanus/truth_block.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "host/io/crc32c.h"
#include "host/io/file.h"

namespace elanus::tools {
namespace {

constexpr char kMagic[8] = {'E', 'L', 'N', 'T', 'R', 'U', 'T', '1'};

struct Head {
  char magic[8];
  std::uint64_t first_query;
  std::uint64_t queries;
  std::uint64_t next_row;
  std::uint32_t k;
  std::uint32_t job_crc;
  std::uint64_t job_bytes;
  std::uint32_t keys_crc;
  std::uint32_t head_crc;  // of the fields before
};

std::uint32_t CrcOf(const Head& head) { return io::Crc32c(0, &head, offsetof(Head, head_crc)); }

std::uint32_t CrcOf(const std::vector<base::Key>& keys) {
  return io::Crc32c(0, keys.data(), keys.size() * sizeof(base::Key));
}

template <class T>
absl::Span<std::byte> BytesOf(T* data, std::size_t count) {
  return absl::MakeSpan(reinterpret_cast<std::byte*>(data), count * sizeof(T));
}

}  // namespace

TruthBlock::TruthBlock(std::uint64_t first_query, std::uint64_t queries, std::uint32_t k)
    : first_query_(first_query), queries_(queries), k_(k), keys_(queries * k, base::kNoResult) {}

void TruthBlock::Merge(std::uint64_t query, absl::Span<const base::Key> keys) {
  const absl::Span<base::Key> slots = Slots(query);
  if (keys.empty() || keys.front() >= slots.back()) return;
  const std::vector<base::Key> before(slots.begin(), slots.end());
  auto old = before.begin();
  auto add = keys.begin();
  for (base::Key& slot : slots) {
    const bool take_new = add != keys.end() && *add < *old;
    slot = take_new ? *add : *old;
    if (!take_new) ++old;
    while (add != keys.end() && *add <= slot) ++add;
  }
}

absl::Span<const base::Key> TruthBlock::Best(std::uint64_t query) const {
  const auto slots = absl::MakeConstSpan(keys_).subspan(query * k_, k_);
  return slots.subspan(0, std::lower_bound(slots.begin(), slots.end(), base::kNoResult) - slots.begin());
}

absl::Status TruthBlock::Save(const std::string& path, const std::string& job) const {
  Head head{};
  std::memcpy(head.magic, kMagic, sizeof(kMagic));
  head.first_query = first_query_;
  head.queries = queries_;
  head.next_row = next_row_;
  head.k = k_;
  head.job_crc = io::Crc32c(0, job.data(), job.size());
  head.job_bytes = job.size();
  head.keys_crc = CrcOf(keys_);
  head.head_crc = CrcOf(head);
  ELANUS_ASSIGN_OR_RETURN(io::OutputFile file, io::OutputFile::Create(path));
  ELANUS_RETURN_IF_ERROR(file.Append(&head, sizeof(head)));
  ELANUS_RETURN_IF_ERROR(file.Append(keys_.data(), keys_.size() * sizeof(base::Key)));
  return file.Commit();
}

absl::StatusOr<TruthBlock> TruthBlock::Load(const std::string& path, const std::string& job, std::uint64_t first_query,
                                            std::uint32_t k) {
  ELANUS_ASSIGN_OR_RETURN(const io::InputFile file, io::InputFile::Open(path));
  Head head{};
  ELANUS_RETURN_IF_ERROR(file.ReadAt(0, BytesOf(&head, 1)));
  if (std::memcmp(head.magic, kMagic, sizeof(kMagic)) != 0 || head.head_crc != CrcOf(head) || head.k == 0 ||
      head.queries != (file.size() - sizeof(head)) / head.k / sizeof(base::Key)) {
    return absl::DataLossError(absl::StrCat(path, ": not the state of a killed run, or damaged"));
  }
  if (head.job_bytes != job.size() || head.job_crc != io::Crc32c(0, job.data(), job.size()) ||
      head.first_query != first_query || head.k != k) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": the state of another run"));
  }
  TruthBlock block(first_query, head.queries, k);
  block.next_row_ = head.next_row;
  ELANUS_RETURN_IF_ERROR(file.ReadAt(sizeof(head), BytesOf(block.keys_.data(), block.keys_.size())));
  if (head.keys_crc != CrcOf(block.keys_)) return absl::DataLossError(absl::StrCat(path, ": damaged keys"));
  return block;
}

}  // namespace elanus::tools
