#include "tools/elanus/console.h"

#include "gtest/gtest.h"
#include "tools/elanus/table.h"
#include "tools/elanus/timing.h"

namespace elanus::tools {
namespace {

TEST(ConsoleTest, NumbersAsPeopleReadThem) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1000), "1.00 kB");
  EXPECT_EQ(HumanBytes(999'600), "1.00 MB");
  EXPECT_EQ(HumanBytes(123'456'789), "123 MB");
  EXPECT_EQ(HumanCount(12.34), "12.3");
  EXPECT_EQ(HumanCount(5'900), "5.90 k");
  EXPECT_EQ(HumanSeconds(0.000'021), "21 us");
  EXPECT_EQ(HumanSeconds(0.5), "500 ms");
  EXPECT_EQ(HumanSeconds(12.34), "12.3 s");
  EXPECT_EQ(HumanSeconds(125), "2:05 min");
  EXPECT_EQ(HumanSeconds(3'725), "1:02:05 h");
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'234'567), "1,234,567");
}

TEST(TableTest, LinesUp) {
  const Table table({{"name", 6, false}, {"rate", 8}});
  EXPECT_EQ(table.Head(), "name        rate\n------  --------\n");
  EXPECT_EQ(table.Row({"a", "12"}), "a             12\n");
  EXPECT_EQ(table.Row({"longer-name", "12"}), "longer-name        12\n");
}

TEST(TimingTest, QuantileIsByNearestRank) {
  std::vector<double> values = {5, 1, 4, 2, 3};
  EXPECT_EQ(Quantile(values, 0.5), 3);
  EXPECT_EQ(Quantile(values, 0.99), 5);
  EXPECT_EQ(Quantile(values, 0.2), 1);
  std::vector<double> one = {7};
  EXPECT_EQ(Quantile(one, 0.5), 7);
}

}  // namespace
}  // namespace elanus::tools
