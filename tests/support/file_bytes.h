// Small files of every format, as bytes, written without the code under test.
#ifndef ELANUS_TESTS_SUPPORT_FILE_BYTES_H_
#define ELANUS_TESTS_SUPPORT_FILE_BYTES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace elanus::test {

template <class T>
std::string RawBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
std::string RawBytes(const std::vector<std::vector<T>>& rows) {
  std::string bytes;
  for (const auto& row : rows) bytes += RawBytes(row);
  return bytes;
}

/// fvecs, bvecs, ivecs.
template <class T>
std::string TexmexBytes(const std::vector<std::vector<T>>& rows) {
  std::string bytes;
  for (const auto& row : rows) {
    bytes += RawBytes(std::vector<std::int32_t>{static_cast<std::int32_t>(row.size())}) + RawBytes(row);
  }
  return bytes;
}

/// fbin, u8bin, i8bin, ibin.
template <class T>
std::string BinBytes(const std::vector<std::vector<T>>& rows) {
  const auto columns = static_cast<std::uint32_t>(rows.empty() ? 0 : rows[0].size());
  return RawBytes(std::vector<std::uint32_t>{static_cast<std::uint32_t>(rows.size()), columns}) + RawBytes(rows);
}

/// npy of version 1 (two bytes of header length) or 2 and 3 (four), `dict` as it stands in the header.
inline std::string NpyBytes(const std::string& dict, const std::string& data, char version = 1) {
  std::string header = dict;
  const std::size_t prefix = version == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 16 != 0) header.push_back(' ');
  header.push_back('\n');
  std::string bytes = "\x93NUMPY";
  bytes.push_back(version);
  bytes.push_back(0);
  const auto length = static_cast<std::uint32_t>(header.size());
  for (std::size_t i = 8; i < prefix; ++i) bytes.push_back(static_cast<char>(length >> (8 * (i - 8))));
  return bytes + header + data;
}

/// npy of a [rows, columns] array.
inline std::string NpyBytes(const std::string& descr, std::size_t rows, std::size_t columns, const std::string& data) {
  return NpyBytes("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                      std::to_string(columns) + "), }",
                  data);
}

}  // namespace elanus::test

#endif  // ELANUS_TESTS_SUPPORT_FILE_BYTES_H_
