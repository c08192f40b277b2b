#include "host/base/half.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace elanus::base {
namespace {

// Goal: every half survives the round trip, and rounding goes to the nearest even neighbour.
TEST(Half, EveryValueRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = FloatFromHalf(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FloatFromHalf(HalfFromFloat(value))));
    } else {
      ASSERT_EQ(HalfFromFloat(value), half);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {  // neighbours of one sign, both finite
    const float low = FloatFromHalf(static_cast<std::uint16_t>(bits));
    const float high = FloatFromHalf(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    const std::uint32_t even = (bits & 1u) == 0 ? bits : bits + 1;
    ASSERT_EQ(HalfFromFloat(middle), even);
    ASSERT_EQ(HalfFromFloat(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(HalfFromFloat(std::nextafter(middle, 1e9f)), bits + 1);
  }
  EXPECT_EQ(HalfFromFloat(65519.99f), 0x7BFF);
  EXPECT_EQ(HalfFromFloat(65520.0f), 0x7C00);
  EXPECT_EQ(HalfFromFloat(-std::numeric_limits<float>::infinity()), 0xFC00);
}

TEST(Bf16, RoundTripsAndRoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto bf16 = static_cast<std::uint16_t>(bits);
    const float value = FloatFromBf16(bf16);
    if (!std::isnan(value)) {
      ASSERT_EQ(Bf16FromFloat(value), bf16);
    }
  }
  EXPECT_EQ(Bf16FromFloat(std::bit_cast<float>(0x3F808000u)), 0x3F80);
  EXPECT_EQ(Bf16FromFloat(std::bit_cast<float>(0x3F818000u)), 0x3F82);
  EXPECT_TRUE(std::isnan(FloatFromBf16(Bf16FromFloat(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace elanus::base
