#include "index/image.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/crc32c.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace elanus::index {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Spec kSpec = {Kind::kIvfPq, Metric::kCosine, base::Element::kF16, 384, 1000};

void Fill(absl::Span<std::byte> bytes, std::uint32_t seed) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((i * 31 + seed * 7 + (i >> 8)) & 255);
}

/// Three sections, added out of order, one of them empty, one of an odd length over a block's end.
Image MakeImage() {
  Image image(kSpec);
  Fill(*image.Add(SectionId::kGraph, 5001), 1);
  Fill(*image.Add(SectionId::kParams, 17), 2);
  EXPECT_TRUE(image.Add(SectionId::kBias, 0).ok());
  return image;
}

std::string Bytes(absl::Span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ExpectSame(const Image& a, const Image& b) {
  EXPECT_EQ(a.spec().kind, b.spec().kind);
  EXPECT_EQ(a.spec().metric, b.spec().metric);
  EXPECT_EQ(a.spec().element, b.spec().element);
  EXPECT_EQ(a.spec().dim, b.spec().dim);
  EXPECT_EQ(a.spec().rows, b.spec().rows);
  for (std::uint32_t id = 0; id < 32; ++id) {
    EXPECT_EQ(Bytes(a.section(static_cast<SectionId>(id))), Bytes(b.section(static_cast<SectionId>(id)))) << id;
  }
}

template <class T>
void Put(std::string& file, std::size_t offset, T value) {
  std::memcpy(file.data() + offset, &value, sizeof(value));
}

/// Makes the checksums of header and table right again.
void Reseal(std::string& file) {
  Put(file, 56, io::Crc32c(0, file.data() + 64, 4096 - 64));
  Put(file, 60, io::Crc32c(0, file.data(), 60));
}

class ImageFile : public ::testing::Test {
 protected:
  ImageFile() {
    EXPECT_TRUE(MakeImage().Save(path_).ok());
    good_ = test::ReadFile(path_);
  }
  absl::Status OpenWith(const std::string& bytes) {
    test::WriteFile(path_, bytes);
    return Image::Open(path_, {}).status();
  }
  /// Opens the good file with some bits of a byte turned, and turns them back.
  absl::Status OpenFlipped(std::size_t at, int mask) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto put = [&](int byte) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(byte));
      file.flush();
      EXPECT_TRUE(file.good());
    };
    put(good_[at] ^ mask);
    const absl::Status status = Image::Open(path_, {.verify = true, .map = at % 2 == 0}).status();
    put(good_[at]);
    return status;
  }
  /// Expects an error of this code that names the file and says `what`.
  void ExpectError(const std::string& bytes, absl::StatusCode code, const std::string& what) {
    const absl::Status status = OpenWith(bytes);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }

  test::TempDir dir_;
  const std::string path_ = dir_ / "x.elanus";
  std::string good_;
};

TEST(Image, SectionsAreZeroedAlignedAndFoundAgain) {
  for (const std::size_t bytes : {1u, 63u, 64u, 5000u, (1u << 20) - 1, 1u << 20, (4u << 20) + 1}) {
    Image image(kSpec);
    const auto added = image.Add(SectionId::kCodes, bytes);
    ASSERT_TRUE(added.ok());
    EXPECT_EQ(added->size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(added->data()) % 64, 0u);
    for (const std::byte byte : *added) ASSERT_EQ(byte, std::byte{0});
    Fill(*added, 3);
    EXPECT_EQ(image.section(SectionId::kCodes).data(), added->data());
    EXPECT_EQ(image.section(SectionId::kCodes).size(), bytes);
  }
  EXPECT_TRUE(MakeImage().section(SectionId::kCodec).empty());
}

TEST(Image, NamesTheBytesItHasNoMemoryFor) {
  Image image(kSpec);
  const auto added = image.Add(SectionId::kRows, std::size_t{1} << 60);
  EXPECT_EQ(added.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(added.status().message()), HasSubstr("1152921504606846976 bytes"));
}

TEST(Image, ArrayRefusesAnyOtherSize) {
  Image image(kSpec);
  Fill(*image.Add(SectionId::kBias, 12), 0);
  const auto three = image.Array<float>(SectionId::kBias, 3);
  ASSERT_TRUE(three.ok());
  EXPECT_EQ(three->size(), 3u);
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{4}, ~std::uint64_t{0}}) {
    EXPECT_EQ(image.Array<float>(SectionId::kBias, count).status().code(), absl::StatusCode::kDataLoss) << count;
  }
  EXPECT_EQ(image.Array<std::uint64_t>(SectionId::kBias, 1).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(image.Array<float>(SectionId::kRows, 0).ok());
}

TEST_F(ImageFile, ReadsBackMappedAndInMemory) {
  const Image image = MakeImage();
  for (const bool map : {false, true}) {
    for (const bool verify : {false, true}) {
      const auto opened = Image::Open(path_, {.verify = verify, .map = map});
      ASSERT_TRUE(opened.ok()) << opened.status();
      ExpectSame(*opened, image);
      for (const SectionId id : {SectionId::kGraph, SectionId::kParams}) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(opened->section(id).data()) % 64, 0u);
      }
    }
  }
}

TEST_F(ImageFile, BytesAreAFunctionOfTheContent) {
  // Added in another order, and saved from a mapping over the file that is mapped.
  Image image(kSpec);
  ASSERT_TRUE(image.Add(SectionId::kBias, 0).ok());
  Fill(*image.Add(SectionId::kParams, 17), 2);
  Fill(*image.Add(SectionId::kGraph, 5001), 1);
  ASSERT_TRUE(image.Save(dir_ / "other").ok());
  EXPECT_EQ(test::ReadFile(dir_ / "other"), good_);
  const auto mapped = Image::Open(path_, {});
  ASSERT_TRUE(mapped.ok());
  ASSERT_TRUE(mapped->Save(path_).ok());
  EXPECT_EQ(test::ReadFile(path_), good_);
  ExpectSame(*mapped, image);
  EXPECT_THAT(dir_.Names(), ElementsAre("other", "x.elanus"));
}

TEST_F(ImageFile, SizeIsKnownBeforehand) {
  EXPECT_EQ(Image::FileBytes({5001, 17, 0}), good_.size());
  EXPECT_EQ(Image::FileBytes({}), 4096u);
  EXPECT_EQ(Image::FileBytes({4096, 1}), 3u * 4096);
}

TEST_F(ImageFile, IsAsFormatMdSays) {
  EXPECT_EQ(good_.substr(0, 8),
            "\x89"
            "ELANUS\n");
  const auto u32 = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, good_.data() + at, 4);
    return value;
  };
  EXPECT_EQ(u32(8), 1u);
  EXPECT_EQ(u32(12), 1u);
  EXPECT_EQ(u32(16), good_.size());
  EXPECT_EQ(u32(24), 1000u);
  EXPECT_EQ(u32(32), 384u);
  EXPECT_EQ(good_[36], 4);
  EXPECT_EQ(good_[37], 3);
  EXPECT_EQ(good_[38], 2);
  EXPECT_EQ(u32(40), 3u);
  EXPECT_EQ(u32(64), 1u);  // params first, though added second
  EXPECT_EQ(u32(64 + 8), 4096u);
  EXPECT_EQ(u32(64 + 16), 17u);
  EXPECT_EQ(u32(96), 5u);
  EXPECT_EQ(u32(96 + 16), 0u);
  EXPECT_EQ(u32(128), 11u);
  EXPECT_EQ(u32(128 + 8), 8192u);
  EXPECT_EQ(u32(128 + 16), 5001u);
}

TEST_F(ImageFile, FilesOfVersion1AreReadForGood) {
  const std::string golden = ELANUS_SOURCE_DIR "/tests/golden/container_v1.elanus";
  for (const bool map : {false, true}) {
    const auto opened = Image::Open(golden, {.verify = true, .map = map});
    ASSERT_TRUE(opened.ok()) << opened.status();
    ExpectSame(*opened, MakeImage());
  }
  // As long as version 1 is what is written. A later version replaces this line, not the file.
  EXPECT_EQ(good_, test::ReadFile(golden));
}

TEST_F(ImageFile, EveryFlippedBitOfTheFirstBlockIsFound) {
  for (std::size_t at = 0; at < 4096; ++at) {
    ASSERT_EQ(OpenFlipped(at, 1 << (at % 8)).code(), absl::StatusCode::kDataLoss) << "byte " << at;
  }
  EXPECT_TRUE(Image::Open(path_, {}).ok());
}

TEST_F(ImageFile, EveryFlippedByteOfTheSectionsIsFound) {
  for (std::size_t at = 4096; at < good_.size(); at += at % 512 < 16 ? 1 : 37) {
    const absl::Status status = OpenFlipped(at, 0x80);
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << "byte " << at;
    ASSERT_THAT(std::string(status.message()), HasSubstr(at < 8192 ? "section 1 " : "section 11 "));
  }
  EXPECT_TRUE(Image::Open(path_, {}).ok());
}

TEST_F(ImageFile, EveryTruncationIsFound) {
  for (std::size_t bytes = good_.size(); bytes-- > 0;) {
    std::filesystem::resize_file(path_, bytes);
    ASSERT_EQ(Image::Open(path_, {.verify = true, .map = bytes % 2 == 0}).status().code(), absl::StatusCode::kDataLoss)
        << bytes;
  }
  ExpectError(good_.substr(0, good_.size() - 1), absl::StatusCode::kDataLoss, "truncated");
  ExpectError(good_ + 'x', absl::StatusCode::kDataLoss, "foreign bytes");
}

TEST_F(ImageFile, RefusesNewerFormatsOnly) {
  std::string file = good_;
  Put<std::uint32_t>(file, 8, 7);
  Reseal(file);
  EXPECT_TRUE(OpenWith(file).ok());  // written by a newer version, readable by this one
  Put<std::uint32_t>(file, 12, 6);
  Reseal(file);
  ExpectError(file, absl::StatusCode::kFailedPrecondition, "version 7, which needs a reader of version 6");
}

TEST_F(ImageFile, SkipsSectionsItDoesNotKnow) {
  std::string file = good_;
  Put<std::uint32_t>(file, 128, 4'000'000'000u);
  Reseal(file);
  test::WriteFile(path_, file);
  const auto opened = Image::Open(path_, {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->section(SectionId::kParams).size(), 17u);
  EXPECT_TRUE(opened->section(SectionId::kGraph).empty());
}

/// Values that no writer of ours writes, under right checksums.
TEST_F(ImageFile, RefusesNonsenseUnderRightChecksums) {
  const auto with = [&](std::size_t at, auto value) {
    std::string file = good_;
    Put(file, at, value);
    Reseal(file);
    return file;
  };
  const auto loss = absl::StatusCode::kDataLoss;
  ExpectError(with(36, std::uint8_t{0}), loss, "unknown index kind 0");
  ExpectError(with(37, std::uint8_t{9}), loss, "unknown metric 9");
  ExpectError(with(38, std::uint8_t{255}), loss, "unknown element type 255");
  ExpectError(with(32, std::uint32_t{0}), loss, "dimension 0");
  ExpectError(with(32, std::uint32_t{32'769}), loss, "dimension 32769, outside 1..32768");
  ExpectError(with(24, std::uint64_t{0}), loss, "0 rows");
  ExpectError(with(24, std::uint64_t{0xFFFFFFFF}), loss, "4294967295 rows");
  ExpectError(with(40, std::uint32_t{127}), loss, "127 sections, at most 126 fit");
  ExpectError(with(40, std::uint32_t{2}), loss, "sections end at byte");
  ExpectError(with(40, std::uint32_t{4}), loss, "section 0 follows section 11");
  ExpectError(with(96, std::uint32_t{1}), loss, "section 1 follows section 1");
  ExpectError(with(64 + 8, std::uint64_t{0}), loss, "section 1: 17 bytes at 0 do not fit");
  ExpectError(with(128 + 16, ~std::uint64_t{0}), loss, "do not fit");
  ExpectError(with(128 + 16, std::uint64_t{8193}), loss, "do not fit");
  ExpectError(with(16, std::uint64_t{1} << 63), loss, "truncated");
}

TEST_F(ImageFile, NamesPathsItCannotOpen) {
  EXPECT_EQ(Image::Open(dir_ / "none", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Image::Open(dir_.path(), {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Image::Open(dir_ / "none", {}).status().message()), HasSubstr(dir_ / "none"));
}

TEST_F(ImageFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  Image image(kSpec);
  Fill(*image.Add(SectionId::kRows, 3 << 20), 5);
  absl::Status status;
  {
    const test::FileSizeLimit limit(1 << 20);
    status = image.Save(path_);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_THAT(dir_.Names(), ElementsAre("x.elanus"));
  EXPECT_EQ(test::ReadFile(path_), good_);
}

TEST_F(ImageFile, SaveNamesFoldersItCannotWriteTo) {
  EXPECT_EQ(MakeImage().Save(dir_ / "none/x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MakeImage().Save(dir_.path()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeImage().Save("/dev/null").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(MakeImage().Save(dir_ / "none/x").message()), HasSubstr(dir_ / "none/x"));
  EXPECT_THAT(dir_.Names(), ElementsAre("x.elanus"));
}

}  // namespace
}  // namespace elanus::index
