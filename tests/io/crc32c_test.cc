#include "host/io/crc32c.h"

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace elanus::io {
namespace {

/// One bit at a time, from the definition.
std::uint32_t PlainCrc32c(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

TEST(Crc32c, Rfc3720Examples) {
  EXPECT_EQ(Crc32c(0, std::string(32, '\0').data(), 32), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(0, std::string(32, '\xFF').data(), 32), 0x62A8AB43u);
  std::string ascending, descending;
  for (char i = 0; i < 32; ++i) {
    ascending.push_back(i);
    descending.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(Crc32c(0, ascending.data(), 32), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(0, descending.data(), 32), 0x113FDB5Cu);
  const std::array<unsigned char, 48> read_command = {0x01, 0xC0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
                                                      0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                                                      0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
  EXPECT_EQ(Crc32c(0, read_command.data(), read_command.size()), 0xD9963A56u);
  EXPECT_EQ(Crc32c(0, "123456789", 9), 0xE3069283u);
}

TEST(Crc32c, EqualsTheDefinitionInAnyPieces) {
  std::string bytes;
  for (int i = 0; i < 700; ++i) bytes.push_back(static_cast<char>(i * i + 13));
  for (std::size_t length = 0; length <= bytes.size(); length += length < 70 ? 1 : 63) {
    const std::uint32_t expected = PlainCrc32c(bytes.substr(0, length));
    EXPECT_EQ(Crc32c(0, bytes.data(), length), expected) << length;
    const std::size_t cut = length / 3;
    EXPECT_EQ(Crc32c(Crc32c(0, bytes.data(), cut), bytes.data() + cut, length - cut), expected) << length;
  }
}

}  // namespace
}  // namespace elanus::io
