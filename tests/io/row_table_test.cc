#include "host/io/row_table.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/hdf5.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temp_dir.h"

namespace elanus::io {
namespace {

using test::BinBytes;
using test::NpyBytes;
using test::RawBytes;
using test::TexmexBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::vector<std::vector<T>> Rows(const absl::StatusOr<RowTable<T>>& table) {
  EXPECT_TRUE(table.ok()) << table.status();
  std::vector<std::vector<T>> rows;
  for (std::uint64_t i = 0; table.ok() && i < table->rows(); ++i) {
    rows.emplace_back(table->row(i).begin(), table->row(i).end());
  }
  return rows;
}

class Tables : public ::testing::Test {
 protected:
  using Ids = std::vector<std::vector<std::uint32_t>>;
  Ids IdRows(const std::string& name, const std::string& bytes) {
    test::WriteFile(dir_ / name, bytes);
    return Rows(ReadIds(dir_ / name));
  }
  std::vector<std::vector<float>> DistanceRows(const std::string& name, const std::string& bytes) {
    test::WriteFile(dir_ / name, bytes);
    return Rows(ReadDistances(dir_ / name));
  }
  void ExpectBad(const absl::Status& status, const std::string& name, const std::string& what) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string message(status.message());
    EXPECT_EQ(message.rfind(dir_ / name, 0), 0u) << message;
    EXPECT_THAT(message, HasSubstr(what));
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  void ExpectBadIds(const std::string& name, const std::string& bytes, const std::string& what) {
    SCOPED_TRACE(bytes);
    test::WriteFile(dir_ / name, bytes);
    ExpectBad(ReadIds(dir_ / name).status(), name, what);
  }
  void ExpectBadSet(const std::string& name, const std::string& bytes, std::uint64_t rows, const std::string& what) {
    test::WriteFile(dir_ / name, bytes);
    ExpectBad(ReadRowSet(dir_ / name, rows).status(), name, what);
  }

  test::TempDir dir_;
};

TEST_F(Tables, ReadsIdsOfEveryFormat) {
  const std::vector<std::vector<std::int32_t>> rows = {{3, 1, 2}, {7, 2'147'483'647, 0}};
  const Ids expected = {{3, 1, 2}, {7, 2'147'483'647, 0}};
  EXPECT_EQ(IdRows("a.ivecs", TexmexBytes(rows)), expected);
  EXPECT_EQ(IdRows("a.ibin", BinBytes(rows)), expected);
  EXPECT_EQ(IdRows("a.npy", NpyBytes("<i4", 2, 3, RawBytes(rows))), expected);
  const std::vector<std::int64_t> wide = {3, 1, 2, 7, 2'147'483'647, 0};
  EXPECT_EQ(IdRows("a.npy", NpyBytes("<i8", 2, 3, RawBytes(wide))), expected);
  EXPECT_EQ(IdRows("a.npy", NpyBytes("<u8", 2, 3, RawBytes(wide))), expected);
  EXPECT_EQ(IdRows("a.npy", NpyBytes("<u2", 1, 3, RawBytes(std::vector<std::uint16_t>{65'535, 0, 1}))),
            (Ids{{65'535, 0, 1}}));
  EXPECT_EQ(IdRows("a.jsonl", "[3,1,2]\n{\"query\":1,\"ids\":[7,2147483647,0],\"distances\":[0.5,1,2]}\n"), expected);
  EXPECT_EQ(IdRows("a.csv", "first,second,third\r\n3, 1,2\r\n7,2147483647,0\r\n"), expected);
  EXPECT_EQ(IdRows("a.txt", "3\n1\n4294967294"), (Ids{{3}, {1}, {4'294'967'294}}));
  EXPECT_EQ(IdRows("a.jsonl", "5\n6\n"), (Ids{{5}, {6}}));

  const auto offset = AddHdf5Dataset(dir_ / "a.hdf5", "neighbors", Scalar::kI32, 2, 3);
  ASSERT_TRUE(offset.ok()) << offset.status();
  std::string file = test::ReadFile(dir_ / "a.hdf5");
  EXPECT_EQ(IdRows("a.hdf5", file.replace(*offset, 24, RawBytes(rows))), expected);
}

TEST_F(Tables, RowsMayDifferInLengthAndBeEmpty) {
  const Ids expected = {{1, 2}, {}, {3}};
  EXPECT_EQ(IdRows("a.ivecs", TexmexBytes<std::int32_t>({{1, 2}, {}, {3}})), expected);
  EXPECT_EQ(IdRows("a.jsonl", "[1,2]\n[]\n[3]"), expected);
  EXPECT_EQ(IdRows("a.csv", "1,2\n\n3\n"), expected);
  // Padding with -1 at the end of a row shortens it.
  EXPECT_EQ(IdRows("a.ivecs", TexmexBytes<std::int32_t>({{1, 2, -1}, {-1, -1, -1}, {3, -1, -1}})), expected);
  EXPECT_EQ(IdRows("a.npy", NpyBytes("<i8", 1, 3, RawBytes(std::vector<std::int64_t>{4, -1, -1}))), (Ids{{4}}));
  EXPECT_EQ(IdRows("a.csv", "1,2,-1\n-1\n3\n"), expected);
}

TEST_F(Tables, ReadsDistancesOfEveryFormat) {
  const std::vector<std::vector<float>> rows = {{0.5f, -1.25f}, {1e30f, std::numeric_limits<float>::infinity()}};
  EXPECT_EQ(DistanceRows("a.fvecs", TexmexBytes(rows)), rows);
  EXPECT_EQ(DistanceRows("a.fbin", BinBytes(rows)), rows);
  EXPECT_EQ(DistanceRows("a.npy", NpyBytes("<f4", 2, 2, RawBytes(rows))), rows);
  EXPECT_EQ(DistanceRows("a.npy", NpyBytes("<f8", 1, 2, RawBytes(std::vector<double>{0.1, -2}))),
            (std::vector<std::vector<float>>{{0.1f, -2}}));
  EXPECT_EQ(DistanceRows("a.npy", NpyBytes("<f2", 1, 2, RawBytes(std::vector<std::uint16_t>{0x3C00, 0xC000}))),
            (std::vector<std::vector<float>>{{1, -2}}));
  EXPECT_EQ(DistanceRows("a.ivecs", TexmexBytes<std::int32_t>({{4, 9}})), (std::vector<std::vector<float>>{{4, 9}}));
  EXPECT_EQ(DistanceRows("a.csv", "0.5,-1.25\n1e30,inf\n"), rows);
  EXPECT_EQ(DistanceRows("a.csv", "distance\n1\n"), (std::vector<std::vector<float>>{{1}}));
  EXPECT_EQ(DistanceRows("a.csv", "inf\n1\n"), (std::vector<std::vector<float>>{{rows[1][1]}, {1}}));
  EXPECT_EQ(DistanceRows("a.jsonl", "{\"distances\":[0.5,-1.25],\"ids\":[1,2]}\n[1e30]\n"),
            (std::vector<std::vector<float>>{{0.5f, -1.25f}, {1e30f}}));
}

TEST_F(Tables, RefusesWhatIsNoId) {
  ExpectBadIds("a.ivecs", TexmexBytes<std::int32_t>({{1, 2}, {1, -2}}), "row 1, place 1: -2 is no id: 0 to 4294967294");
  ExpectBadIds("a.ivecs", TexmexBytes<std::int32_t>({{-1, 2}}), "row 0, place 1: 2 stands after -1");
  ExpectBadIds("a.npy", NpyBytes("<i8", 1, 1, RawBytes(std::vector<std::int64_t>{4'294'967'295})),
               "4294967295 is no id");
  ExpectBadIds("a.npy", NpyBytes("<u8", 1, 1, RawBytes(std::vector<std::uint64_t>{~std::uint64_t{0}})), "is no id");
  ExpectBadIds("a.npy", NpyBytes("<f4", 1, 1, std::string(4, 'x')), "holds float32; ids are integers");
  ExpectBadIds("a.npy", NpyBytes("|b1", 1, 1, "\1"), "holds bool; ids are integers");
  ExpectBadIds("a.fvecs", TexmexBytes<float>({{1}}), "holds float32; ids are integers");
  ExpectBadIds("a.csv", "1,2\n1,,2\n", "row 1, place 1: '' is no number");
  ExpectBadIds("a.csv", "1,2\nx\n", "row 1, place 0: 'x' is no number");
  ExpectBadIds("a.csv", "1,2\n1.5\n", "row 1, place 0: 1.5 is no id");
  ExpectBadIds("a.csv", "1\n99999999999999999999\n", "row 1, place 0: 1e+20 is no id");
  ExpectBadIds("a.csv", "heading\n", "is empty");
  ExpectBadIds("a.jsonl", "[1]\nnonsense\n", "row 1, place 0: 'nonsense' holds no number there");
  ExpectBadIds("a.jsonl", "[1,[2]]\n", "row 0, place 1: ");
  ExpectBadIds("a.jsonl", "[1,2.5]\n", "row 0, place 1: 2.5 is no id");
  ExpectBadIds("a.jsonl", "[18446744073709551615]\n", "is no id");
  ExpectBadIds("a.jsonl", "{\"id\":[1]}\n", "row 0: an object without \"ids\"");
  ExpectBadIds("a.jsonl", std::string(100'000, '['), "holds no number there");
  ExpectBadIds("a.jsonl", "[1]\n\n", "row 1, place 0: '' holds no number there");
  for (const char* name : {"a.ivecs", "a.ibin", "a.npy", "a.jsonl", "a.csv", "a.txt", "a.hdf5"}) {
    ExpectBadIds(name, "", "is empty");
  }
  EXPECT_EQ(ReadIds(dir_ / "none.csv").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Tables, KnowsTheWidthWithPadding) {
  const auto width_of = [&](const std::string& name, const std::string& bytes) {
    test::WriteFile(dir_ / name, bytes);
    const auto table = ReadIds(dir_ / name);
    EXPECT_TRUE(table.ok()) << table.status();
    return table->width;
  };
  EXPECT_EQ(width_of("a.ivecs", TexmexBytes<std::int32_t>({{1, -1, -1}, {-1, -1, -1}})), 3u);
  EXPECT_EQ(width_of("a.ivecs", TexmexBytes<std::int32_t>({{-1}, {4, 5}, {}})), 2u);
  EXPECT_EQ(width_of("a.jsonl", "[1]\n[]\n[1,2,3,-1]\n"), 4u);
  test::WriteFile(dir_ / "d.csv", "1,2\n1,2,3\n");
  EXPECT_EQ(ReadDistances(dir_ / "d.csv")->width, 3u);
}

TEST_F(Tables, RefusesTruncatedTexmex) {
  const std::string good = TexmexBytes<std::int32_t>({{1, 2, 3}, {4, 5}});
  for (std::size_t size = 1; size < good.size(); ++size) {
    if (size != 16) ExpectBadIds("a.ivecs", good.substr(0, size), "truncated");
  }
  ExpectBadIds("a.ivecs", TexmexBytes<std::int32_t>({{1}}) + RawBytes(std::vector<std::int32_t>{0x7FFFFFFF}),
               "row 1 at byte 8: 2147483647 numbers do not fit in the 4 bytes that follow");
  ExpectBadIds("a.ivecs", RawBytes(std::vector<std::int32_t>{-5, 1}), "-5 numbers");
}

TEST_F(Tables, RowSetsOfEveryFormat) {
  const auto set_of = [&](const std::string& name, const std::string& bytes, std::uint64_t rows) {
    test::WriteFile(dir_ / name, bytes);
    const auto set = ReadRowSet(dir_ / name, rows);
    EXPECT_TRUE(set.ok()) << set.status();
    EXPECT_EQ(set->bits.size(), (rows + 63) / 64);
    std::vector<std::uint64_t> members;
    for (std::uint64_t row = 0; row < 64 * set->bits.size(); ++row) {
      if (((set->bits[row / 64] >> (row % 64)) & 1) != 0) members.push_back(row);
    }
    EXPECT_EQ(set->count, members.size());
    return members;
  };
  EXPECT_THAT(set_of("a.txt", "69\n0\n63\n64\n0\n", 70), ElementsAre(0, 63, 64, 69));
  EXPECT_THAT(set_of("a.csv", "1,2\n5\n", 64), ElementsAre(1, 2, 5));
  EXPECT_THAT(set_of("a.jsonl", "3\n[4,9]\n", 10), ElementsAre(3, 4, 9));
  EXPECT_THAT(set_of("a.ivecs", TexmexBytes<std::int32_t>({{8, 1}, {2}}), 9), ElementsAre(1, 2, 8));
  EXPECT_THAT(set_of("a.ibin", BinBytes<std::int32_t>({{8, 1}}), 9), ElementsAre(1, 8));
  const std::string one_dimensional = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }";
  EXPECT_THAT(set_of("a.npy", NpyBytes(one_dimensional, RawBytes(std::vector<std::int64_t>{6, 0, 2})), 7),
              ElementsAre(0, 2, 6));
  const std::string mask = "{'descr': '|b1', 'fortran_order': False, 'shape': (5,), }";
  EXPECT_THAT(set_of("a.npy", NpyBytes(mask, std::string("\1\0\0\1\1", 5)), 5), ElementsAre(0, 3, 4));

  EXPECT_THAT(set_of("a.txt", "1\n0\n", 2), ElementsAre(0, 1));
  EXPECT_THAT(set_of("a.txt", "1\n0\n1\n", 4), ElementsAre(0, 1));

  ExpectBadSet("a.npy", NpyBytes(one_dimensional, RawBytes(std::vector<std::int64_t>{1, 0, 1})), 3,
               "holds 3 numbers for 3 rows, each 0 or 1; if that is a mask, save it as bool");
  ExpectBadSet("a.txt", "0\n0\n", 2, "a mask, save it as bool");
  const std::string bytes = "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }";
  ExpectBadSet("a.npy", NpyBytes(bytes, std::string("\1\0\0\1\1", 5)), 5, "holds uint8; a mask is of bool");
  ExpectBadSet("a.bvecs", TexmexBytes<std::uint8_t>({{1, 0, 0}}), 5, "holds uint8; a mask is of bool");
  ExpectBadSet("a.npy", NpyBytes(mask, std::string("\1\0\0\1\1", 5)), 6, "a mask of 5 x 1; 6 are wanted");
  ExpectBadSet("a.npy", NpyBytes("|b1", 5, 2, std::string(10, '\1')), 5, "a mask of 5 x 2; 5 are wanted");
  ExpectBadSet("a.txt", "1\n70\n", 70, "row 70 does not exist: there are 70 rows");
  ExpectBadSet("a.fvecs", TexmexBytes<float>({{1}}), 5, "holds float32");
}

}  // namespace
}  // namespace elanus::io
