#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "loadtest/server/server_process.h"

namespace roberta::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FindServerProgram, WhatIsNamedMustBeAProgram) {
  EXPECT_EQ(*FindServerProgram("/bin/sh"), "/bin/sh");
  EXPECT_EQ(FindServerProgram("/nowhere/server").status().message(), "/nowhere/server: no program");
  EXPECT_FALSE(FindServerProgram("/tmp").ok());
  EXPECT_FALSE(FindServerProgram("/etc/passwd").ok());
}

TEST(FindServerProgram, ANameWithoutAFolderIsLookedForOnThePath) {
  EXPECT_THAT(*FindServerProgram("sh"), HasSubstr("/sh"));
  EXPECT_FALSE(FindServerProgram("no-such-program-anywhere").ok());
}

TEST(ParseCpus, AreNumbersAndRanges) {
  EXPECT_THAT(*ParseCpus("3"), ElementsAre(3));
  EXPECT_THAT(*ParseCpus("0,2-4,7"), ElementsAre(0, 2, 3, 4, 7));
  EXPECT_THAT(*ParseCpus("5-5"), ElementsAre(5));
}

TEST(ParseCpus, OtherTextsAreNamed) {
  for (const char* text : {"", "a", "-1", "1-", "-", "2-1", "1,,2", "1,", "0-1-2", "99999", "0x1", "1.5"}) {
    EXPECT_THAT(ParseCpus(text).status().message(), HasSubstr(std::string("\"") + text + "\"")) << text;
  }
}

}  // namespace
}  // namespace roberta::server
