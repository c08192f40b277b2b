#include "tools/elanus/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "host/base/check.h"

namespace elanus::tools {

std::string Table::Head() const {
  std::vector<std::string> titles;
  std::vector<std::string> rules;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    rules.emplace_back(std::max(column.width, column.title.size()), '-');
  }
  return absl::StrCat(Row(titles), Row(rules));
}

std::string Table::Row(absl::Span<const std::string> cells) const {
  ELANUS_CHECK(cells.size() == columns_.size());
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t width = std::max(columns_[i].width, columns_[i].title.size());
    const std::string padding(width - std::min(width, cells[i].size()), ' ');
    absl::StrAppend(&line, i == 0 ? "" : "  ", columns_[i].right ? padding : "", cells[i],
                    columns_[i].right ? "" : padding);
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return absl::StrCat(line, "\n");
}

}  // namespace elanus::tools
