#include "host/io/hdf5.h"

#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "host/io/buffer.h"

namespace elanus::io {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 24;
constexpr std::uint64_t kDeflateRatioMax = 1100;  // zlib: at most 1032 : 1
constexpr int kSurvived = 42;                     // exit code of a child that came to its end

/// An identifier of the library that closes itself; negative after a failure.
class Id {
 public:
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&&) = delete;
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// To be called before anything else of the library: it prints errors to stderr unless told otherwise, thread by
/// thread; and its exit handler crashes when a file could not be closed because the disk was full.
void Tame() {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

/// The innermost message of the library's error stack: the cause.
std::string Reason() {
  std::string reason = "unknown reason";
  const auto take = [](unsigned n, const H5E_error2_t* error, void* to) -> herr_t {
    if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(to) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take, &reason);
  return reason;
}

/// IEEE binary16 in little-endian, described as h5py does.
hid_t MakeHalf() {
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  return half;
}

/// The little-endian type of the library for `scalar`; not for bool and void (a CHECK).
Id TypeOf(Scalar scalar) {
  const auto copy = [](hid_t type) { return Id(H5Tcopy(type), H5Tclose); };
  switch (scalar) {
    case Scalar::kF32:
      return copy(H5T_IEEE_F32LE);
    case Scalar::kF64:
      return copy(H5T_IEEE_F64LE);
    case Scalar::kF16:
      return Id(MakeHalf(), H5Tclose);
    case Scalar::kI8:
      return copy(H5T_STD_I8LE);
    case Scalar::kU8:
      return copy(H5T_STD_U8LE);
    case Scalar::kI16:
      return copy(H5T_STD_I16LE);
    case Scalar::kU16:
      return copy(H5T_STD_U16LE);
    case Scalar::kI32:
      return copy(H5T_STD_I32LE);
    case Scalar::kU32:
      return copy(H5T_STD_U32LE);
    case Scalar::kI64:
      return copy(H5T_STD_I64LE);
    case Scalar::kU64:
      return copy(H5T_STD_U64LE);
    case Scalar::kBool:
    case Scalar::kVoid2:
      break;
  }
  ELANUS_CHECK(false);
}

constexpr Scalar kStored[] = {Scalar::kF32, Scalar::kF64, Scalar::kF16, Scalar::kI8,  Scalar::kU8, Scalar::kI16,
                              Scalar::kU16, Scalar::kI32, Scalar::kU32, Scalar::kI64, Scalar::kU64};

absl::StatusOr<Scalar> ScalarOfType(hid_t type, const std::string& name) {
  for (const Scalar scalar : kStored) {
    if (H5Tequal(type, TypeOf(scalar).get()) > 0) return scalar;
  }
  if (H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1) return Scalar::kBool;  // as h5py stores bool
  return BadFile(name,
                 absl::StrFormat("of a type (class %d, %d bytes) that is no little-endian float16, float32, float64, "
                                 "integer or bool",
                                 static_cast<int>(H5Tget_class(type)), H5Tget_size(type)));
}

Id FileAccess() {
  Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.get(), false, true);  // locks fail on read-only and network file systems
  return access;
}

std::string NamesAtRoot(hid_t file) {
  std::vector<std::string> names;
  const auto take = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
    auto* list = static_cast<std::vector<std::string>*>(to);
    list->push_back(name);
    return list->size() < 20 ? 0 : 1;
  };
  hsize_t at = 0;
  H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &at, take, &names);
  return absl::StrJoin(names, " ");
}

/// Runs `work` in a child process, for libhdf5 1.10 crashes on some damaged files. `work` may not count on other
/// threads. Errors: kInvalidArgument if the child did not come to its end.
absl::Status TryInChild(const std::string& name, absl::FunctionRef<void()> work) {
  const pid_t child = ::fork();
  if (child < 0) {
    return absl::UnavailableError(
        absl::StrFormat("%s: no process can be started to try the file in: %s", name, std::strerror(errno)));
  }
  if (child == 0) {
    for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(crash, SIG_DFL);
    const rlimit no_core = {0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    work();
    ::_exit(kSurvived);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSurvived) return absl::OkStatus();
  return BadFile(name, absl::StrFormat("damaged: libhdf5 fails while reading it (%s %d)",
                                       WIFSIGNALED(status) ? "signal" : "exit code",
                                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

}  // namespace

class Hdf5Dataset::Impl {
 public:
  Impl(Id file_id, Id dataset_id, std::string full_name)
      : file(std::move(file_id)), dataset(std::move(dataset_id)), name(std::move(full_name)) {}

  absl::Status ReadShape();
  absl::Status ReadStorage();

  Id file;
  Id dataset;
  std::string name;
  Scalar scalar = Scalar::kF32;
  int rank = 0;
  std::array<hsize_t, 2> shape = {0, 1};
  std::uint64_t chunk_rows = 1;
  std::uint64_t offset = 0;
};

absl::Status Hdf5Dataset::Impl::ReadShape() {
  const Id type(H5Dget_type(dataset.get()), H5Tclose);
  const Id space(H5Dget_space(dataset.get()), H5Sclose);
  if (!type.ok() || !space.ok()) return BadFile(name, absl::StrCat("cannot be read: ", Reason()));
  ELANUS_ASSIGN_OR_RETURN(scalar, ScalarOfType(type.get(), name));
  rank = H5Sget_simple_extent_ndims(space.get());
  if (rank != 1 && rank != 2) {
    return BadFile(name, absl::StrFormat("an array of %d dimensions; rows and columns are wanted", rank));
  }
  H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr);
  if (shape[0] < 1 || shape[1] < 1) {
    return BadFile(name, absl::StrFormat("holds no numbers: %d rows of %d", shape[0], shape[1]));
  }
  return absl::OkStatus();
}

absl::Status Hdf5Dataset::Impl::ReadStorage() {
  const Id creation(H5Dget_create_plist(dataset.get()), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED && layout != H5D_COMPACT) {
    return BadFile(name, "a virtual dataset; store it in the file itself");
  }
  if (H5Pget_external_count(creation.get()) != 0)
    return BadFile(name, "its data are in another file; store them in this one");
  const std::uint64_t stored = H5Dget_storage_size(dataset.get());
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(shape[0], shape[1], &bytes) ||
      __builtin_mul_overflow(bytes, ScalarBytes(scalar), &bytes) || bytes / kDeflateRatioMax > stored) {
    return BadFile(name, absl::StrFormat("claims %d rows of %d x %s, but stores only %d bytes", shape[0], shape[1],
                                         ScalarName(scalar), stored));
  }
  if (layout == H5D_CHUNKED) {
    std::array<hsize_t, 2> chunk = {1, 1};
    H5Pget_chunk(creation.get(), rank, chunk.data());
    chunk_rows = std::max<std::uint64_t>(chunk[0], 1);
  }
  const haddr_t address = H5Dget_offset(dataset.get());
  if (layout == H5D_CONTIGUOUS && address != HADDR_UNDEF) offset = address;
  return absl::OkStatus();
}

Hdf5Dataset::Hdf5Dataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hdf5Dataset::Hdf5Dataset(Hdf5Dataset&&) noexcept = default;
Hdf5Dataset& Hdf5Dataset::operator=(Hdf5Dataset&&) noexcept = default;
Hdf5Dataset::~Hdf5Dataset() = default;

Scalar Hdf5Dataset::scalar() const { return impl_->scalar; }
std::uint64_t Hdf5Dataset::rows() const { return impl_->shape[0]; }
std::uint64_t Hdf5Dataset::columns() const { return impl_->shape[1]; }
bool Hdf5Dataset::one_dimensional() const { return impl_->rank == 1; }
std::uint64_t Hdf5Dataset::contiguous_offset() const { return impl_->offset; }

absl::StatusOr<Hdf5Dataset> Hdf5Dataset::Open(const std::string& path, const std::string& dataset) {
  ELANUS_RETURN_IF_ERROR(TryInChild(absl::StrCat(path, ":", dataset), [&] {
    const absl::StatusOr<Hdf5Dataset> tried = OpenUntried(path, dataset);
    if (!tried.ok() || tried->contiguous_offset() != 0) return;
    absl::StatusOr<Buffer> all =
        Buffer::Allocate(tried->rows() * tried->columns() * ScalarBytes(tried->scalar()), path);
    if (all.ok()) tried->Read(all->bytes()).IgnoreError();
  }));
  return OpenUntried(path, dataset);
}

absl::StatusOr<Hdf5Dataset> Hdf5Dataset::OpenUntried(const std::string& path, const std::string& dataset) {
  Tame();
  const Id access = FileAccess();
  Id file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file.ok()) return BadFile(path, absl::StrCat("not an HDF5 file, or damaged: ", Reason()));
  Id opened(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!opened.ok()) {
    return BadFile(path, absl::StrFormat("has no dataset '%s'; at its root: %s. Name one as %s:NAME", dataset,
                                         NamesAtRoot(file.get()), path));
  }
  auto impl = std::make_unique<Impl>(std::move(file), std::move(opened), absl::StrCat(path, ":", dataset));
  ELANUS_RETURN_IF_ERROR(impl->ReadShape());
  ELANUS_RETURN_IF_ERROR(impl->ReadStorage());
  return Hdf5Dataset(std::move(impl));
}

absl::Status Hdf5Dataset::Read(absl::Span<std::byte> to) const {
  Tame();
  const std::uint64_t row_bytes = columns() * ScalarBytes(scalar());
  ELANUS_CHECK(to.size() == rows() * row_bytes);
  const Id space(H5Dget_space(impl_->dataset.get()), H5Sclose);
  const Id type = scalar() == Scalar::kBool ? Id(H5Dget_type(impl_->dataset.get()), H5Tclose) : TypeOf(scalar());
  // Whole chunks at a time, so that none is decompressed twice.
  const std::uint64_t chunks = std::max<std::uint64_t>(kPieceBytes / (row_bytes * impl_->chunk_rows), 1);
  const std::uint64_t piece_rows = chunks * impl_->chunk_rows;
  for (std::uint64_t row = 0; row < rows(); row += piece_rows) {
    const std::array<hsize_t, 2> start = {row, 0};
    const std::array<hsize_t, 2> count = {std::min(piece_rows, rows() - row), columns()};
    const Id memory(H5Screate_simple(impl_->rank, count.data(), nullptr), H5Sclose);
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) < 0 ||
        H5Dread(impl_->dataset.get(), type.get(), memory.get(), space.get(), H5P_DEFAULT, to.data() + row * row_bytes) <
            0) {
      return BadFile(impl_->name, absl::StrFormat("cannot read rows %d to %d: %s", row, row + count[0], Reason()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> AddHdf5Dataset(const std::string& path, const std::string& dataset, Scalar scalar,
                                             std::uint64_t rows, std::uint64_t columns) {
  Tame();
  struct stat info {};
  const bool fresh = ::stat(path.c_str(), &info) != 0 || info.st_size == 0;
  const Id access = FileAccess();
  const Id file(fresh ? H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get())
                      : H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()),
                H5Fclose);
  if (!file.ok()) return BadFile(path, absl::StrCat("cannot be written as HDF5: ", Reason()));
  if (H5Lexists(file.get(), dataset.c_str(), H5P_DEFAULT) > 0) {
    return absl::AlreadyExistsError(absl::StrFormat("%s: has a dataset '%s' already", path, dataset));
  }
  const std::array<hsize_t, 2> shape = {rows, columns};
  const Id space(H5Screate_simple(2, shape.data(), nullptr), H5Sclose);
  const Id links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  const Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  H5Pset_layout(creation.get(), H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER);
  const Id created(H5Dcreate2(file.get(), dataset.c_str(), TypeOf(scalar).get(), space.get(), links.get(),
                              creation.get(), H5P_DEFAULT),
                   H5Dclose);
  if (!created.ok()) return BadFile(path, absl::StrFormat("cannot add dataset '%s': %s", dataset, Reason()));
  const haddr_t offset = H5Dget_offset(created.get());
  if (offset == HADDR_UNDEF || H5Fflush(file.get(), H5F_SCOPE_GLOBAL) < 0) {
    return BadFile(path, absl::StrFormat("cannot add dataset '%s': %s", dataset, Reason()));
  }
  return offset;
}

}  // namespace elanus::io
