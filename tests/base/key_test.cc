#include "host/base/key.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace elanus::base {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Key, OrdersLikeFloatsThenRows) {
  const std::vector<float> ascending = {-kInf, -3.5f, -1e-40f, 0.0f, 1e-40f, 2.0f, 3e38f, kInf};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(FloatFromOrderable(OrderableFromFloat(ascending[i])), ascending[i]);
    EXPECT_LT(MakeKey(ascending[i], 1), MakeKey(ascending[i], 2));
    for (std::size_t j = i + 1; j < ascending.size(); ++j) {
      EXPECT_LT(MakeKey(ascending[i], 9), MakeKey(ascending[j], 0)) << ascending[i] << " " << ascending[j];
    }
  }
}

TEST(Key, NanIsLastAndNegativeZeroTiesWithZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_GT(MakeKey(nan, 0), MakeKey(kInf, 5));
  EXPECT_EQ(MakeKey(-nan, 7), MakeKey(nan, 7));
  EXPECT_LT(MakeKey(nan, 7), kNoResult);
  EXPECT_EQ(MakeKey(-0.0f, 3), MakeKey(0.0f, 3));
  EXPECT_TRUE(std::isnan(KeyDistance(MakeKey(nan, 0))));
  EXPECT_EQ(KeyRow(MakeKey(1.5f, 0xFFFFFFFEu)), 0xFFFFFFFEu);
}

}  // namespace
}  // namespace elanus::base
