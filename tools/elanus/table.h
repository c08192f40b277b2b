// Columns of text that line up, printed row by row as they become known.
#ifndef ELANUS_TOOLS_ELANUS_TABLE_H_
#define ELANUS_TOOLS_ELANUS_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace elanus::tools {

class Table {
 public:
  struct Column {
    std::string title;
    std::size_t width;  // at least; a title or cell that is longer pushes what follows to the right
    bool right = true;  // numbers
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// The line of titles, and a rule under it.
  std::string Head() const;
  /// One line; as many cells as columns.
  std::string Row(absl::Span<const std::string> cells) const;

 private:
  std::vector<Column> columns_;
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_TABLE_H_
