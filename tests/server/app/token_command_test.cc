#include "server/app/token_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "server/security/credentials.h"

namespace roberta::app {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class MakeTokenTest : public ::testing::Test {
 protected:
  MakeTokenTest() { unlink(file_.c_str()); }
  std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(file_).rdbuf();
    return text.str();
  }
  mode_t Permissions() const {
    struct stat is = {};
    stat(file_.c_str(), &is);
    return is.st_mode & 0777;
  }
  const std::string file_ = ::testing::TempDir() + "/token_command_test_" + std::to_string(getpid());
};

TEST_F(MakeTokenTest, ATokenHas256RandomBitsAndAnEntryThatKnowsIt) {
  const auto made = MakeToken({.name = "app", .role = "inference"});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->token, MatchesRegex("rt_[A-Za-z0-9_-]{43}"));
  const auto credentials = security::ParseCredentials(made->entry, "entry");
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->front().token_sha256, security::HashOf(made->token));
  EXPECT_NE(MakeToken({.name = "app", .role = "inference"})->token, made->token);
}

TEST_F(MakeTokenTest, AFileIsMadeForItsOwnerAndAddedTo) {
  const auto first = MakeToken({.name = "app", .role = "inference", .file = file_});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Permissions(), mode_t{0600});
  std::ofstream(file_, std::ios::app) << "# no newline";
  const auto second = MakeToken({.name = "op", .role = "admin", .file = file_});
  EXPECT_EQ(Content(), first->entry + "\n# no newline\n" + second->entry + "\n");
}

TEST_F(MakeTokenTest, WhatWouldMakeTheFileWrongIsRefused) {
  ASSERT_TRUE(MakeToken({.name = "app", .role = "inference", .file = file_}).ok());
  const std::string before = Content();
  const std::pair<TokenRequest, const char*> wrong[] = {
      {{.name = "app", .role = "admin", .file = file_}, "another role"},
      {{.name = "a b", .role = "admin", .file = file_}, ":2: the second word is no role"},
      {{.name = "x\ny admin certificate:z", .role = "admin"}, "the new line:1: "},
      {{.name = "app", .role = "root"}, "the new line:1: the second word is no role"},
      {{.name = "app", .role = "admin", .file = "/nowhere/callers"}, "/nowhere/callers: cannot write: No such file"},
  };
  for (const auto& [request, what] : wrong) EXPECT_THAT(MakeToken(request).status().message(), HasSubstr(what));
  chmod(file_.c_str(), 0620);
  EXPECT_THAT(MakeToken({.name = "op", .role = "admin", .file = file_}).status().message(), HasSubstr("may write"));
  EXPECT_EQ(Content(), before);
}

}  // namespace
}  // namespace roberta::app
