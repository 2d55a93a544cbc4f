#include "profiles/terminal/terminal.h"

#include <gtest/gtest.h>

namespace roberta::terminal {
namespace {

TEST(TableText, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(TableText({{"a", "b"}, {"long", "x"}, {"1", ""}}), "a     b\nlong  x\n1\n");
}

}  // namespace
}  // namespace roberta::terminal
