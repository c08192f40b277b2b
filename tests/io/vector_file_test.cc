#include "host/io/vector_file.h"

#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/half.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temp_dir.h"

namespace elanus::io {
namespace {

using test::BinBytes;
using test::NpyBytes;
using test::RawBytes;
using test::TexmexBytes;
using ::testing::HasSubstr;

const std::vector<std::vector<float>> kFloats = {{1, 2.5f, -3}, {4, 5, 6e-9f}};
const std::vector<std::vector<std::uint8_t>> kBytes = {{1, 2, 255}, {0, 128, 7}, {9, 9, 9}};
const std::vector<std::vector<std::int8_t>> kSigned = {{-128, 127}, {0, -1}};

class Vectors : public ::testing::Test {
 protected:
  absl::StatusOr<VectorFile> Open(const std::string& name, const std::string& bytes, VectorOptions options = {}) {
    test::WriteFile(dir_ / name, bytes);
    return OpenVectors(dir_ / name, options);
  }

  /// Expects the rows of `expected`, type and shape as given.
  void ExpectRows(const absl::StatusOr<VectorFile>& file, base::Element element, std::uint32_t dim,
                  const std::vector<std::string>& expected) {
    ASSERT_TRUE(file.ok()) << file.status();
    const base::Vectors& vectors = file->vectors();
    EXPECT_EQ(vectors.element, element);
    EXPECT_EQ(vectors.dim, dim);
    ASSERT_EQ(vectors.count, expected.size());
    for (std::uint64_t i = 0; i < vectors.count; ++i) {
      const std::string row(reinterpret_cast<const char*>(vectors.row(i)), base::RowBytes(element, dim));
      EXPECT_EQ(row, expected[i]) << "row " << i;
    }
  }

  template <class T>
  void ExpectRows(const absl::StatusOr<VectorFile>& file, base::Element element,
                  const std::vector<std::vector<T>>& rows) {
    std::vector<std::string> expected;
    for (const auto& row : rows) expected.push_back(RawBytes(row));
    ExpectRows(file, element, static_cast<std::uint32_t>(rows[0].size()), expected);
  }

  /// Expects kInvalidArgument whose message is one line, begins with the path and says `what`.
  void ExpectBad(const std::string& name, const std::string& bytes, const std::string& what,
                 VectorOptions options = {}) {
    SCOPED_TRACE(name);
    const absl::Status status = Open(name, bytes, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string message(status.message());
    EXPECT_EQ(message.rfind(dir_ / name, 0), 0u) << message;
    EXPECT_THAT(message, HasSubstr(what));
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }

  test::TempDir dir_;
};

TEST_F(Vectors, ReadsEveryBinaryFormat) {
  ExpectRows(Open("a.fvecs", TexmexBytes(kFloats)), base::Element::kF32, kFloats);
  ExpectRows(Open("A.FVECS", TexmexBytes(kFloats)), base::Element::kF32, kFloats);
  ExpectRows(Open("a.bvecs", TexmexBytes(kBytes)), base::Element::kU8, kBytes);
  ExpectRows(Open("a.fbin", BinBytes(kFloats)), base::Element::kF32, kFloats);
  ExpectRows(Open("a.u8bin", BinBytes(kBytes)), base::Element::kU8, kBytes);
  ExpectRows(Open("a.i8bin", BinBytes(kSigned)), base::Element::kI8, kSigned);
  ExpectRows(Open("a.npy", NpyBytes("<f4", 2, 3, RawBytes(kFloats))), base::Element::kF32, kFloats);
  ExpectRows(Open("a.npy", NpyBytes("|u1", 3, 3, RawBytes(kBytes))), base::Element::kU8, kBytes);
  ExpectRows(Open("a.npy", NpyBytes("|i1", 2, 2, RawBytes(kSigned))), base::Element::kI8, kSigned);
  const std::vector<std::vector<std::uint16_t>> halves = {{0x3C00, 0x8001}, {0x7BFF, 0x0000}};
  ExpectRows(Open("a.npy", NpyBytes("<f2", 2, 2, RawBytes(halves))), base::Element::kF16, halves);
  ExpectRows(Open("a.npy", NpyBytes("<V2", 2, 2, RawBytes(halves)), {.as_bf16 = true}), base::Element::kBf16, halves);
}

TEST_F(Vectors, ReadsNpyHeadersAsNumPyWroteThemOverTheYears) {
  const std::string data = RawBytes(kFloats);
  for (const char version : {'\1', '\2', '\3'}) {
    for (const char* dict : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                             "{'descr':'<f4','fortran_order':False,'shape':(2,3)}",
                             "{'shape': (2L, 3L), 'fortran_order': False, 'descr': \"<f4\"}"}) {
      SCOPED_TRACE(absl::StrCat(int{version}, dict));
      ExpectRows(Open("a.npy", NpyBytes(dict, data, version)), base::Element::kF32, kFloats);
    }
  }
}

TEST_F(Vectors, BitsAreRowsOfBytesOrBools) {
  const VectorOptions bits = {.as_bits = true};
  const std::vector<std::string> rows = {RawBytes(kBytes[0]), RawBytes(kBytes[1]), RawBytes(kBytes[2])};
  ExpectRows(Open("a.npy", NpyBytes("|u1", 3, 3, RawBytes(kBytes)), bits), base::Element::kBit, 24, rows);
  ExpectRows(Open("a.bvecs", TexmexBytes(kBytes), bits), base::Element::kBit, 24, rows);
  ExpectRows(Open("a.u8bin", BinBytes(kBytes), bits), base::Element::kBit, 24, rows);
  // Ten bools: bits 0, 3 and 9.
  const std::vector<std::vector<std::uint8_t>> bools = {{1, 0, 0, 1, 0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 1, 0, 0}};
  ExpectRows(Open("a.npy", NpyBytes("|b1", 2, 10, RawBytes(bools)), bits), base::Element::kBit, 10,
             {std::string("\x09\x02", 2), std::string("\x80\x00", 2)});
  ExpectBad("a.npy", NpyBytes("|b1", 2, 10, RawBytes(bools)), "holds bool; it can only be read as bits");
  ExpectBad("a.fvecs", TexmexBytes(kFloats), "holds float32; bits are read from rows of uint8", bits);
}

TEST_F(Vectors, RefusesTexmexRowsOfMixedLength) {
  std::string bytes = TexmexBytes(kFloats) + TexmexBytes<float>({{7, 8}, {9, 9, 9}});
  bytes +=
      std::string(bytes.size() % 16 == 0 ? 0 : 16 - bytes.size() % 16, '\0');  // a multiple of the first row's size
  ExpectBad("a.fvecs", bytes, "row 2 has 2 components, row 0 has 3");
  // Not a multiple of it: the row is named all the same.
  ExpectBad("a.fvecs", TexmexBytes(kFloats) + TexmexBytes<float>({{7, 8}, {9, 9, 9}}), "row 2 has 2 components");
  const auto lazily = Open("a.fvecs", bytes, {.check_rows = false});
  ASSERT_TRUE(lazily.ok());
  EXPECT_TRUE(lazily->CheckRows(0, 2).ok());
  EXPECT_THAT(std::string(lazily->CheckRows(1, 2).message()), HasSubstr("row 2"));
  EXPECT_TRUE(Open("a.fbin", BinBytes(kFloats))->CheckRows(0, 2).ok());
}

TEST_F(Vectors, RefusesBadTexmex) {
  const std::string good = TexmexBytes(kFloats);
  ExpectBad("a.fvecs", "", "is empty");
  ExpectBad("a.fvecs", good.substr(0, 3), "3 bytes: no row");
  for (std::size_t size = 4; size < good.size(); ++size) {
    if (size != 16) ExpectBad("a.fvecs", good.substr(0, size), "truncated");
  }
  ExpectBad("a.fvecs", good + "x", "33 bytes are no multiple of a row's 16");
  for (const std::int32_t dim : {0, -1, std::numeric_limits<std::int32_t>::min(), 262'145, 0x3F800000}) {
    ExpectBad("a.bvecs", RawBytes(std::vector<std::int32_t>{dim}) + std::string(64, 'x'),
              absl::StrCat("the first row has ", dim, " components, 1 to 262144 are possible"));
  }
  ExpectBad("a.bvecs", RawBytes(std::vector<std::int32_t>{32'769}) + std::string(32'769, 'x'),
            "rows of 32769 components; 1 to 32768 are possible");
  EXPECT_TRUE(Open("a.bvecs", RawBytes(std::vector<std::int32_t>{32'768}) + std::string(32'768, 'x')).ok());
  ExpectBad("a.bvecs", RawBytes(std::vector<std::int32_t>{32'769}) + std::string(32'769, 'x'),
            "rows of 262152 bits; 1 to 262144 are possible", {.as_bits = true});
}

TEST_F(Vectors, RefusesBadBin) {
  const std::string good = BinBytes(kFloats);
  for (std::size_t size = 1; size < good.size(); ++size) {
    ExpectBad("a.fbin", good.substr(0, size), size < 8 ? "shorter than its header of 8" : "truncated");
  }
  ExpectBad("a.fbin", good + "xy", "2 bytes more than the 2 rows of 3 x float32");
  const auto header = [](std::uint32_t rows, std::uint32_t columns) {
    return RawBytes(std::vector<std::uint32_t>{rows, columns}) + std::string(24, 'x');
  };
  ExpectBad("a.fbin", header(0, 3), "holds no numbers: 0 rows of 3");
  ExpectBad("a.fbin", header(2, 0), "holds no numbers: 2 rows of 0");
  ExpectBad("a.fbin", header(0xFFFFFFFF, 0xFFFFFFFF), "the header says 4294967295 rows of 4294967295 x float32");
  ExpectBad("a.fbin", header(0x80000000, 0x80000000), "truncated");  // the product is 0 in 64 bits
}

TEST_F(Vectors, RefusesBadNpy) {
  const std::string data = RawBytes(kFloats);
  const std::string good = NpyBytes("<f4", 2, 3, data);
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_EQ(Open("a.npy", good.substr(0, size)).status().code(), absl::StatusCode::kInvalidArgument) << size;
  }
  ExpectBad("a.npy", good + "xyz", "3 bytes more than the 2 rows of 3 x float32");
  ExpectBad("a.npy", "PK\x03\x04 a zip file", "not an npy file");
  ExpectBad("a.npy", NpyBytes("{}", data, 4), "npy version 4; 1 to 3 are read");
  ExpectBad("a.npy", NpyBytes("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", data), "in Fortran order");
  ExpectBad("a.npy", NpyBytes(">f4", 2, 3, data), "dtype '>f4'");
  ExpectBad("a.npy", NpyBytes("<c8", 2, 3, data), "dtype '<c8'");
  ExpectBad("a.npy", NpyBytes("|O\n", 2, 3, data), "dtype '|O\\n'");
  ExpectBad("a.npy", NpyBytes("<f8", 1, 3, data), "holds float64; vectors are float32, float16, int8 or uint8");
  ExpectBad("a.npy", NpyBytes("<i4", 2, 3, data), "holds int32");
  ExpectBad("a.npy", NpyBytes("<V2", 4, 3, data), "2-byte void numbers; say so if they are bfloat16");
  ExpectBad("a.npy", NpyBytes("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,), }", data),
            "structured");
  const auto shaped = [&](const std::string& shape) {
    return NpyBytes("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", data);
  };
  ExpectBad("a.npy", shaped("(6,)"), "a one-dimensional array of 6 numbers");
  ExpectBad("a.npy", shaped("()"), "an array of 0 dimensions");
  ExpectBad("a.npy", shaped("(1, 2, 3)"), "an array of 3 dimensions");
  ExpectBad("a.npy", shaped("(0, 3)"), "holds no numbers: 0 rows of 3");
  ExpectBad("a.npy", shaped("(-2, 3)"), "bad npy header");
  ExpectBad("a.npy", shaped("(2, 99999999999999999999)"), "bad npy header");
  ExpectBad("a.npy", shaped("(4294967296, 4294967296)"), "the header says 4294967296 rows");
  ExpectBad("a.npy", shaped("(2, 3"), "bad npy header");
  for (const char* dict : {"", "{", "{'descr'}", "{'descr': '<f4'}", "{'descr: 4}", "{'a': 1}", "{'shape': 3}",
                           "{'descr': '<f4', 'fortran_order': None, 'shape': (2, 3)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
                           "{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}"}) {
    SCOPED_TRACE(dict);
    ExpectBad("a.npy", NpyBytes(dict, data), "bad npy header");
  }
}

TEST_F(Vectors, RefusesPathsThatAreNoVectors) {
  EXPECT_EQ(OpenVectors(dir_ / "none.npy", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(OpenVectors(dir_ / "none.npy", {}).status().message()), HasSubstr(dir_ / "none.npy"));
  std::filesystem::create_directory(dir_ / "folder.npy");
  EXPECT_THAT(std::string(OpenVectors(dir_ / "folder.npy", {}).status().message()), HasSubstr("is a folder"));
  ASSERT_EQ(::mkfifo((dir_ / "pipe.npy").c_str(), 0600), 0);  // and does not hang
  EXPECT_THAT(std::string(OpenVectors(dir_ / "pipe.npy", {}).status().message()), HasSubstr("is a pipe or device"));
  ExpectBad("a.vec", "x", "the extension says no known format; known: .fvecs .bvecs");
  ExpectBad("a.jsonl", "[1]", "text files hold ids");
  ExpectBad("a.ivecs", TexmexBytes<std::int32_t>({{1, 2}}), "holds int32");
}

TEST_F(Vectors, CheckFiniteNamesRowAndComponent) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::uint32_t dim : {1u, 3u, 16u, 33u}) {
    std::vector<std::vector<float>> rows(4, std::vector<float>(dim, std::numeric_limits<float>::max()));
    const auto good = Open("a.fvecs", TexmexBytes(rows));
    EXPECT_TRUE(CheckFinite(good->vectors(), 0, "a").ok());
    for (const float bad : {infinity, -infinity, nan, -nan}) {
      auto wrong = rows;
      wrong[2][dim - 1] = bad;
      const auto file = Open("a.fvecs", TexmexBytes(wrong));
      EXPECT_EQ(CheckFinite(file->vectors(), 100, "a").message(),
                absl::StrCat("a: row 102, component ", dim - 1, " is ", std::isnan(bad) ? "NaN" : "infinite",
                             "; all must be finite"));
      EXPECT_TRUE(CheckFinite(file->vectors().Slice(0, 2), 0, "a").ok());
    }
  }
  for (const auto& [options, descr, bad, good] :
       {std::tuple(VectorOptions{}, "<f2", std::uint16_t{0xFC00}, std::uint16_t{0x7BFF}),
        std::tuple(VectorOptions{.as_bf16 = true}, "<V2", std::uint16_t{0x7F80}, std::uint16_t{0x7C00})}) {
    const std::vector<std::uint16_t> fine = {0, good, good, 1}, wrong = {0, good, bad, 1};
    EXPECT_TRUE(CheckFinite(Open("a.npy", NpyBytes(descr, 2, 2, RawBytes(fine)), options)->vectors(), 0, "a").ok());
    EXPECT_EQ(CheckFinite(Open("a.npy", NpyBytes(descr, 2, 2, RawBytes(wrong)), options)->vectors(), 0, "a").message(),
              "a: row 1, component 0 is infinite; all must be finite");
  }
  EXPECT_TRUE(CheckFinite(Open("a.u8bin", BinBytes(kBytes))->vectors(), 0, "a").ok());
}

TEST_F(Vectors, HintsChangeNothing) {
  std::vector<std::vector<float>> rows(5000, std::vector<float>(3));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {static_cast<float>(i), 1, 2};
  const auto file = Open("a.fvecs", TexmexBytes(rows));
  ASSERT_TRUE(file.ok());
  for (const auto access : {Mapping::Access::kSequential, Mapping::Access::kRandom, Mapping::Access::kNormal}) {
    file->Advise(access);
  }
  file->Release(0, 5000);
  file->Release(4999, 1);
  ExpectRows(file, base::Element::kF32, rows);
}

}  // namespace
}  // namespace elanus::io
