#include "host/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/buffer.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace elanus::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Span<std::byte> Writable(std::string& text) {
  return absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size());
}

TEST(Buffer, IsZeroedAlignedAndMovable) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20, (std::size_t{1} << 22) + 5}) {
    auto buffer = Buffer::Allocate(size, "a test");
    ASSERT_TRUE(buffer.ok());
    ASSERT_EQ(buffer->bytes().size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->bytes().data()) % 64, 0u);
    for (std::byte& byte : buffer->bytes()) {
      ASSERT_EQ(byte, std::byte{0});
      byte = std::byte{7};
    }
    const Buffer moved = std::move(*buffer);
    EXPECT_EQ(moved.bytes().size(), size);
    EXPECT_TRUE(buffer->bytes().empty());
  }
  const absl::Status status = Buffer::Allocate(std::size_t{1} << 60, "a test").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "no memory for 1152921504606846976 bytes of a test");
}

TEST(InputFile, ReadsAtOffsets) {
  const test::TempDir dir;
  test::WriteFile(dir / "a", "0123456789");
  const auto file = InputFile::Open(dir / "a");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 10u);
  std::string text(4, ' ');
  EXPECT_TRUE(file->ReadAt(6, Writable(text)).ok());
  EXPECT_EQ(text, "6789");
  const absl::Status status = file->ReadAt(7, Writable(text));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ends at byte 10, 1 bytes before"));
}

TEST(InputFile, NamesWhatItCannotOpen) {
  const test::TempDir dir;
  EXPECT_EQ(InputFile::Open(dir / "none").status().message(),
            (dir / "none") + ": cannot open: No such file or directory");
  EXPECT_EQ(InputFile::Open(dir / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(InputFile::Open(dir.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InputFile::Open("/dev/zero").status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(InputFile::Open(dir / "pipe").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Mapping, ShowsTheFileAndOutlivesIt) {
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 50'000; ++i) text.push_back(static_cast<char>(i * 7));
  test::WriteFile(dir / "a", text);
  test::WriteFile(dir / "empty", "");
  EXPECT_TRUE(Mapping::Create(*InputFile::Open(dir / "empty"))->bytes().empty());
  auto mapping = Mapping::Create(*InputFile::Open(dir / "a"));
  ASSERT_TRUE(mapping.ok());
  std::filesystem::remove(dir / "a");
  const Mapping moved = std::move(*mapping);
  EXPECT_TRUE(mapping->bytes().empty());
  mapping->Advise(Mapping::Access::kRandom);
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_EQ(moved.bytes().size(), text.size());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(moved.bytes().data()), text.size()), text);
    moved.Advise(Mapping::Access::kSequential);
    moved.Release(0, text.size());
    moved.Release(5000, 10);
  }
}

TEST(OutputFile, AppearsWholeOrNotAtAll) {
  const test::TempDir dir;
  test::WriteFile(dir / "a", "old");
  const std::string large(600'000, 'x');
  {
    auto file = OutputFile::Create(dir / "a");
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(file->Append("head").ok());
    EXPECT_TRUE(file->Append(large).ok());
    EXPECT_TRUE(file->Append("tail").ok());
    EXPECT_EQ(file->size(), large.size() + 8);
    EXPECT_TRUE(file->Overwrite(0, "HE", 2).ok());
    EXPECT_TRUE(file->Overwrite(large.size() + 6, "IL", 2).ok());
    EXPECT_EQ(test::ReadFile(dir / "a"), "old");
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(test::ReadFile(dir / "a"), "HEad" + large + "taIL");
  {
    auto file = OutputFile::Create(dir / "a");
    ASSERT_TRUE(file.ok());
    auto second = OutputFile::Create(dir / "a");  // two writers of one path do not meet
    ASSERT_TRUE(second.ok());
    EXPECT_TRUE(file->Append("dropped").ok());
    const OutputFile moved = std::move(*file);
    EXPECT_EQ(dir.Names().size(), 3u);
  }
  EXPECT_THAT(dir.Names(), ElementsAre("a"));
  EXPECT_EQ(test::ReadFile(dir / "a").size(), large.size() + 8);
}

TEST(OutputFile, MakesFilesWithTheUsualPermissions) {
  const test::TempDir dir;
  auto file = OutputFile::Create(dir / "a");
  ASSERT_TRUE(file.ok() && file->Commit().ok());
  const mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat info {};
  ASSERT_EQ(::stat((dir / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666 & ~mask);
}

TEST(OutputFile, NamesWhatItCannotWrite) {
  const test::TempDir dir;
  EXPECT_EQ(OutputFile::Create(dir / "none/a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(OutputFile::Create(dir / "none/a").status().message()), HasSubstr(dir / "none/a"));
  EXPECT_EQ(OutputFile::Create(dir.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OutputFile::Create("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(dir.Names(), ElementsAre());
}

TEST(OutputFile, AFullDiskIsAnErrorAndLeavesNothing) {
  const test::TempDir dir;
  for (const std::size_t piece : {100u, 500'000u}) {
    const test::FileSizeLimit limit(1 << 20);
    auto file = OutputFile::Create(dir / "a");
    ASSERT_TRUE(file.ok());
    absl::Status status;
    for (std::size_t written = 0; status.ok() && written < (2u << 20); written += piece) {
      status = file->Append(std::string(piece, 'x'));
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(dir / "a"));
  }
  EXPECT_THAT(dir.Names(), ElementsAre());
}

TEST(OutputFile, ContinuesAfterAKill) {
  const test::TempDir dir;
  const auto proceed = [&](std::uint64_t bytes) { return OutputFile::Continue(dir / "a", dir / "a.partial", bytes); };
  {
    auto file = proceed(0);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(file->Append("0123456789").ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_EQ(proceed(4).status().code(), absl::StatusCode::kUnavailable);  // locked by this one
  }
  EXPECT_THAT(dir.Names(), ElementsAre("a.partial"));
  EXPECT_EQ(proceed(11).status().code(), absl::StatusCode::kDataLoss);
  auto file = proceed(4);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 4u);
  EXPECT_TRUE(file->Append("new").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_THAT(dir.Names(), ElementsAre("a"));
  EXPECT_EQ(test::ReadFile(dir / "a"), "0123new");
}

TEST(OutputFile, PutsNothingElseInPlace) {
  const test::TempDir dir;
  {
    auto file = OutputFile::Continue(dir / "a", dir / "a.partial", 0);
    ASSERT_TRUE(file.ok() && file->Append("mine").ok());
    std::filesystem::remove(dir / "a.partial");
    test::WriteFile(dir / "a.partial", "half of another's");
    const absl::Status status = file->Commit();
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_THAT(std::string(status.message()), HasSubstr(dir / "a.partial: was removed or replaced"));
    file->Discard();
  }
  EXPECT_THAT(dir.Names(), ElementsAre("a.partial"));
  EXPECT_EQ(test::ReadFile(dir / "a.partial"), "half of another's");
}

TEST(OutputFile, CommitCanBeTakenBack) {
  const test::TempDir dir;
  auto file = OutputFile::Continue(dir / "a", dir / "a.partial", 0);
  ASSERT_TRUE(file.ok() && file->Append("x").ok() && file->Commit().ok());
  EXPECT_THAT(dir.Names(), ElementsAre("a"));
  ASSERT_TRUE(file->TakeBack().ok());
  EXPECT_THAT(dir.Names(), ElementsAre("a.partial"));
}

TEST(OutputFile, RemovesWhatKilledWritersLeft) {
  const test::TempDir dir;
  const pid_t dead = ::fork();
  ASSERT_GE(dead, 0);
  if (dead == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(dead, nullptr, 0), dead);
  const std::string orphan = absl::StrCat("a.tmp-", dead, "-0");
  const std::vector<std::string> kept = {absl::StrCat("a.tmp-", ::getpid(), "-7"), "a.tmp-0-0", "a.tmp-x-0",
                                         absl::StrCat("a.tmp-", dead), absl::StrCat("b.tmp-", dead, "-0")};
  for (const std::string& name : kept) test::WriteFile(dir / name, "x");
  test::WriteFile(dir / orphan, "x");
  ASSERT_TRUE(OutputFile::Create(dir / "a").ok());
  EXPECT_THAT(dir.Names(), ::testing::UnorderedElementsAreArray(kept));
}

}  // namespace
}  // namespace elanus::io
